/** `gantry create -f`: makes new objects; says so when they exist already. */
import type { CommandFunction } from '../command.ts';
import { dryRunSuffix, parseDryRun, writeParameters } from '../dry-run.ts';
import { eachReported } from '../failure.ts';
import { readManifests } from '../manifest-files.ts';
import { placedError, wantedObjects } from '../manifest-objects.ts';
import type { Fetched } from '../object-source.ts';
import { parseOutputFormat, printObjects } from '../output-format.ts';
import { shownName, shownType } from '../resource-names.ts';
import type { ApplyOptions } from './apply.ts';

export const create: CommandFunction<ApplyOptions> = async (context, _args, options) => {
  const manifests = await readManifests(context, options);
  const { client, ...session } = await context.session();
  const wanted = await wantedObjects(manifests, { client, ...session }, options);
  const dryRun = parseDryRun(options.dryRun);
  const format = parseOutputFormat(options.output);
  const made: Fetched[] = [];
  const code = await eachReported(context.io, wanted, async (one) => {
    const { resource, object: draft } = one;
    try {
      const object =
        dryRun === 'client'
          ? draft
          : await client.create(resource, draft, writeParameters(options, 'kubectl-create'));
      made.push({ resource, object });
      const name = object.metadata.name ? shownName(resource, object.metadata.name) : shownType(resource);
      if (format.type === 'table') context.io.out(`${name} created${dryRunSuffix(dryRun)}\n`);
    } catch (error) {
      throw placedError(error, one);
    }
  });
  if (format.type !== 'table' && made.length > 0)
    await printObjects(context.io, made, { format, single: made.length === 1 });
  return code;
};
