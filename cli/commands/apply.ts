/** `gantry apply`: makes the cluster's objects as the manifests say, by creating or by a three-way merge. */
import { hasReason } from '../../api/meta/api-error.ts';
import type { AnyObject } from '../../api/meta/object-meta.ts';
import type { Client, WriteParameters } from '../../client/client.ts';
import type { CommandContext, CommandFunction } from '../command.ts';
import { untilServed } from '../defined-kinds.ts';
import { dryRunSuffix, parseDryRun, type WriteOptions, writeParameters } from '../dry-run.ts';
import { eachReported, UsageError } from '../failure.ts';
import { type FileOptions, readManifests } from '../manifest-files.ts';
import { keyOfWanted, placedError, type WantedObject, wantedObjects } from '../manifest-objects.ts';
import type { Fetched } from '../object-source.ts';
import { parseOutputFormat, printObjects } from '../output-format.ts';
import { shownName } from '../resource-names.ts';
import {
  lastAppliedAnnotation,
  lastAppliedOf,
  threeWayMergePatch,
  withLastApplied,
} from '../three-way-merge.ts';

/** kubectl's own, so that both tools are one manager to the server. */
const fieldManager = 'kubectl-client-side-apply';
const maxTries = 5;

export interface ApplyOptions extends FileOptions, WriteOptions {
  output?: string;
}

export const apply: CommandFunction<ApplyOptions> = async (context, _args, options) => {
  const manifests = await readManifests(context, options);
  const session = await context.session();
  const wanted = await wantedObjects(manifests, session, options);
  const dryRun = parseDryRun(options.dryRun);
  const format = parseOutputFormat(options.output);
  const applied: Fetched[] = [];
  const code = await eachReported(context.io, wanted, async (one) => {
    try {
      // A definition of the same manifests brought it a moment ago.
      if (one.resource.verbs.length === 0 && dryRun === 'none')
        await untilServed(session.client, one.resource, context.clock);
      const result = await applyObject(session.client, one, {
        parameters: writeParameters(options, fieldManager),
        pretend: dryRun === 'client',
      });
      applied.push({ resource: one.resource, object: result.object });
      if (format.type === 'table') say(context, one, result, dryRunSuffix(dryRun));
    } catch (error) {
      throw placedError(error, one);
    }
  });
  if (format.type !== 'table' && applied.length > 0)
    await printObjects(context.io, applied, { format, single: applied.length === 1 });
  return code;
};

function say(
  { io }: CommandContext,
  { resource }: WantedObject,
  { verb, object, warning }: Applied,
  suffix: string,
): void {
  const name = shownName(resource, object.metadata.name);
  if (warning) io.err(`Warning: ${name}: ${warning}\n`);
  io.out(`${name} ${verb}${suffix}\n`);
}

export interface Applied {
  verb: 'created' | 'configured' | 'unchanged';
  object: AnyObject;
  warning?: string;
}

interface ApplySettings {
  parameters: WriteParameters;
  /** Say what would be done, without asking the server to do it. */
  pretend: boolean;
}

/** Creates or patches one object; starts over when somebody else created or deleted it in between. */
export async function applyObject(
  client: Client,
  wanted: WantedObject,
  settings: ApplySettings,
): Promise<Applied> {
  if (!wanted.object.metadata.name)
    throw new UsageError(
      'apply needs metadata.name; objects with generateName are made with `gantry create`',
    );
  for (let attempt = 1; ; attempt++) {
    try {
      return await tryApply(client, wanted, settings);
    } catch (error) {
      if (attempt === maxTries || !hasReason(error, 'Conflict', 'AlreadyExists')) throw error;
    }
  }
}

async function tryApply(
  client: Client,
  wanted: WantedObject,
  { parameters, pretend }: ApplySettings,
): Promise<Applied> {
  const { resource, object } = wanted;
  const key = keyOfWanted(wanted);
  const modified = withLastApplied(object);
  const live = await client.get(resource, key).catch((error: unknown) => {
    if (hasReason(error, 'NotFound')) return undefined;
    throw error;
  });
  if (live === undefined) {
    return {
      verb: 'created',
      object: pretend ? modified : await client.create(resource, modified, parameters),
    };
  }
  const body = threeWayMergePatch(lastAppliedOf(live), modified, live);
  if (Object.keys(body).length === 0) return { verb: 'unchanged', object: live };
  const patched = pretend ? live : await client.patch(resource, key, { type: 'merge', body }, parameters);
  const same =
    !pretend && patched.metadata.resourceVersion === live.metadata.resourceVersion && !parameters.dryRun;
  const known = live.metadata.annotations?.[lastAppliedAnnotation] !== undefined;
  return {
    verb: same ? 'unchanged' : 'configured',
    object: patched,
    ...(known
      ? {}
      : { warning: 'was not made with apply; from now on fields that the manifest drops are deleted' }),
  };
}
