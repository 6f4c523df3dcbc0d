/**
 * `gantry plan`: what would be placed where, whom it would displace, and what would stay pending and why: of a
 * manifest (-f), or of what runs if nodes were drained or lost. Changes nothing.
 */
import type { CommandFunction } from '../command.ts';
import { UsageError } from '../failure.ts';
import { type FileOptions, readManifests } from '../manifest-files.ts';
import { wantedObjects } from '../manifest-objects.ts';

export interface PlanOptions extends FileOptions {
  output?: string;
  profile?: string;
  plugins?: string;
}

export const plan: CommandFunction<PlanOptions> = async (context, args, options) => {
  const { output, profile, plugins } = options;
  if (output !== undefined && output !== 'json')
    throw new UsageError(`unknown output ${JSON.stringify(output)}: want json`);
  const json = output === 'json';
  if (args.length > 0) {
    const { client } = await context.session();
    const { planLoss } = await context.localCluster();
    return planLoss({ client, json, profile, plugins, ...lossOf(args) } as never, context.io);
  }
  const manifests = await readManifests(context, options);
  const session = await context.session();
  const wanted = await wantedObjects(manifests, session, options);
  const { plan: answer } = await context.localCluster();
  const objects = wanted.map(({ object }) => object);
  return answer({ client: session.client, objects, json, profile, plugins } as never, context.io);
};

function lossOf([kind = '', ...targets]: readonly string[]): { kind: 'drain' | 'lose'; targets: string[] } {
  if (kind !== 'drain' && kind !== 'lose')
    throw new UsageError(
      `cannot plan ${JSON.stringify(kind)}: want -f FILE, drain NODE or lose NODE|LABEL=VALUE`,
    );
  const named = targets.map((target) => target.replace(/^(nodes?|no)\//, ''));
  if (named.length === 0) throw new UsageError(`say which: gantry plan ${kind} NODE, or LABEL=VALUE`);
  return { kind, targets: named };
}
