/** `gantry plan -f`: what would be placed where, and what would stay pending and why; changes nothing. */
import type { CommandFunction } from '../command.ts';
import { UsageError } from '../failure.ts';
import { type FileOptions, readManifests } from '../manifest-files.ts';
import { wantedObjects } from '../manifest-objects.ts';

export interface PlanOptions extends FileOptions {
  output?: string;
}

export const plan: CommandFunction<PlanOptions> = async (context, _args, options) => {
  const { output } = options;
  if (output !== undefined && output !== 'json')
    throw new UsageError(`unknown output ${JSON.stringify(output)}: want json`);
  const manifests = await readManifests(context, options);
  const session = await context.session();
  const wanted = await wantedObjects(manifests, session, options);
  const { plan: answer } = await context.localCluster();
  const objects = wanted.map(({ object }) => object);
  return answer({ client: session.client, objects, json: output === 'json' } as never, context.io);
};
