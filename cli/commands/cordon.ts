/** `gantry cordon` and `uncordon`: whether new tasks may come to a node. Running tasks stay. */
import { Node } from '../../api/kinds/resources.ts';
import type { CommandContext, CommandFunction } from '../command.ts';
import { eachReported, UsageError } from '../failure.ts';
import { checkName } from '../target.ts';

export const cordon: CommandFunction<object> = (context, args) => setUnschedulable(context, args, true);
export const uncordon: CommandFunction<object> = (context, args) => setUnschedulable(context, args, false);

async function setUnschedulable(
  context: CommandContext,
  args: readonly string[],
  wanted: boolean,
): Promise<number> {
  const { client } = await context.session();
  return eachReported(context.io, nodeNames(args), async (name) => {
    const node = await client.get(Node, { name });
    const done = wanted ? 'cordoned' : 'uncordoned';
    const already = (node.spec.unschedulable ?? false) === wanted;
    if (!already) {
      const body = { spec: { unschedulable: wanted ? true : null } };
      await client.patch(Node, { name }, { type: 'merge', body }, { fieldManager: 'gantry' });
    }
    context.io.out(`node/${name} ${already ? 'already ' : ''}${done}\n`);
  });
}

/** `n1`, `node/n1`. Throws UsageError. */
export function nodeNames(args: readonly string[]): string[] {
  const names = args.map((arg) => arg.replace(/^nodes?\//, ''));
  if (names.length === 0) throw new UsageError('say which nodes');
  for (const name of names) checkName(name);
  return names;
}
