/** `gantry why`: why a task is pending, and what would change that. Handed on to the code that can run the scheduler. */
import type { CommandFunction } from '../command.ts';
import { UsageError } from '../failure.ts';
import { checkName } from '../target.ts';

export interface WhyOptions {
  output?: string;
  profile?: string;
  plugins?: string;
}

export const why: CommandFunction<WhyOptions> = async (context, args, { output, ...scheduler }) => {
  const names = args.map((arg) => arg.replace(/^(tasks?|gt)\//, ''));
  const [name, ...more] = names[0] === 'task' || names[0] === 'tasks' ? names.slice(1) : names;
  if (name === undefined || more.length > 0) throw new UsageError('say which task: gantry why task/NAME');
  checkName(name);
  if (output !== undefined && output !== 'json')
    throw new UsageError(`unknown output ${JSON.stringify(output)}: want json`);
  const { client, namespace } = await context.session();
  const task = { namespace, name };
  const { why: answer } = await context.localCluster();
  return answer({ client, task, json: output === 'json', ...scheduler } as never, context.io);
};
