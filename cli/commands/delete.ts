/** `gantry delete`: by name, selector or manifest; by default waits until the objects are gone. */
import { hasReason } from '../../api/meta/api-error.ts';
import type { DeleteParameters } from '../../client/client.ts';
import { parseDuration } from '../age.ts';
import type { CommandContext, CommandFunction, GlobalOptions, Session } from '../command.ts';
import { dryRunSuffix, parseDryRun } from '../dry-run.ts';
import { eachReported, UsageError } from '../failure.ts';
import { type FileOptions, readManifests } from '../manifest-files.ts';
import { wantedObjects } from '../manifest-objects.ts';
import { keyOfObject, type Located, selectedObjects } from '../object-source.ts';
import { waitForObject } from '../object-wait.ts';
import { parseOutputFormat } from '../output-format.ts';
import { fullName, shownName } from '../resource-names.ts';
import { parseTargets } from '../target.ts';

export interface DeleteOptions extends FileOptions {
  selector?: string;
  fieldSelector?: string;
  all?: boolean;
  allNamespaces?: boolean;
  wait: boolean;
  timeout?: string;
  gracePeriod?: string;
  force?: boolean;
  now?: boolean;
  cascade: string;
  ignoreNotFound?: boolean;
  dryRun?: string | boolean;
  output?: string;
}

export const deleteObjects: CommandFunction<DeleteOptions> = async (context, args, options) => {
  const parameters = deleteParameters(options);
  const session = await context.session();
  const doomed = options.filename
    ? await fromManifests(context, session, options)
    : await selectedObjects(await parseTargets(args, session.discovery), session, options);
  if (doomed.length === 0) context.io.err('No resources found.\n');
  const gone: { doomed: Located; uid: string | undefined }[] = [];
  const code = await eachReported(context.io, doomed, async (one) => {
    const uid = await deleteOne(context, session, one, { parameters, options });
    if (uid !== undefined) gone.push({ doomed: one, uid });
  });
  if (!options.wait || parseDryRun(options.dryRun) !== 'none') return code;
  const waited = await eachReported(context.io, gone, ({ doomed: one, uid }) =>
    waitUntilGone(context, session, one, { uid, options }),
  );
  return Math.max(code, waited);
};

function deleteParameters({ gracePeriod, force, now, cascade, dryRun }: DeleteOptions): DeleteParameters {
  const policies = { background: 'Background', foreground: 'Foreground', orphan: 'Orphan' } as const;
  if (!Object.hasOwn(policies, cascade))
    throw new UsageError('--cascade: want background, foreground or orphan');
  const seconds = force ? '0' : now ? '1' : gracePeriod;
  if (seconds !== undefined && !/^-1$|^\d+$/.test(seconds))
    throw new UsageError('--grace-period: want a number of seconds');
  return {
    propagationPolicy: policies[cascade as keyof typeof policies],
    ...(seconds === undefined || seconds === '-1' ? {} : { gracePeriodSeconds: Number(seconds) }),
    ...(parseDryRun(dryRun) === 'server' ? { dryRun: true } : {}),
  };
}

async function fromManifests(
  context: CommandContext,
  session: Session,
  options: DeleteOptions & GlobalOptions,
): Promise<Located[]> {
  const wanted = await wantedObjects(await readManifests(context, options), session, options);
  // What stands first may be what the rest lives in: a namespace, a definition.
  return wanted.map(({ resource, object }) => ({ resource, key: keyOfObject(object) })).reverse();
}

/** Resolves with the uid of what was deleted; undefined when there was nothing. */
async function deleteOne(
  { io }: CommandContext,
  { client }: Session,
  { resource, key }: Located,
  { parameters, options }: { parameters: DeleteParameters; options: DeleteOptions },
): Promise<string | undefined> {
  const dryRun = parseDryRun(options.dryRun);
  try {
    const live = await client.get(resource, key);
    const { uid } = live.metadata;
    if (dryRun !== 'client')
      await client.delete(resource, key, {
        ...parameters,
        ...(uid === undefined ? {} : { preconditions: { uid } }),
      });
    io.out(
      parseOutputFormat(options.output).type === 'name'
        ? `${fullName(resource, key.name)}\n`
        : `${shownName(resource, key.name)} ${options.force ? 'force deleted' : 'deleted'}${dryRunSuffix(dryRun)}\n`,
    );
    return uid ?? '';
  } catch (error) {
    if (options.ignoreNotFound && hasReason(error, 'NotFound')) return undefined;
    throw error;
  }
}

/** An object of the same name with another uid is another object. */
async function waitUntilGone(
  { clock, signal }: CommandContext,
  { client }: Session,
  target: Located,
  { uid, options }: { uid: string | undefined; options: DeleteOptions },
): Promise<void> {
  await waitForObject(client, target, (object) => object === undefined || object.metadata.uid !== uid, {
    clock,
    signal,
    timeoutMs:
      options.timeout === undefined || options.timeout === '0s'
        ? Infinity
        : parseDuration(options.timeout, '--timeout'),
    waitingFor: `${shownName(target.resource, target.key.name)} to be gone`,
  });
}
