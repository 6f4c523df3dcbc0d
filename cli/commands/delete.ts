/** `gantry delete`: by name, selector or manifest; by default waits until the objects are gone. */
import { hasReason } from '../../api/meta/api-error.ts';
import type { AnyObject } from '../../api/meta/object-meta.ts';
import type { DeleteParameters, ObjectKey } from '../../client/client.ts';
import { parseDuration } from '../age.ts';
import type { CommandContext, CommandFunction, GlobalOptions, Session } from '../command.ts';
import type { ApiResource } from '../discovery.ts';
import { dryRunSuffix, parseDryRun } from '../dry-run.ts';
import { eachReported, UsageError } from '../failure.ts';
import { type FileOptions, readManifests } from '../manifest-files.ts';
import { wantedObjects } from '../manifest-objects.ts';
import { waitForObject } from '../object-wait.ts';
import { parseOutputFormat } from '../output-format.ts';
import { fullName, shownName } from '../resource-names.ts';
import { parseTargets, type Target } from '../target.ts';
import { fetchObjects } from './get.ts';

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

interface Doomed {
  resource: ApiResource;
  key: ObjectKey;
}

export const deleteObjects: CommandFunction<DeleteOptions> = async (context, args, options) => {
  const parameters = deleteParameters(options);
  const session = await context.session();
  const doomed = options.filename
    ? await fromManifests(context, session, options)
    : await fromArguments(args, session, options);
  if (doomed.length === 0) context.io.err('No resources found.\n');
  const gone: { doomed: Doomed; uid: string | undefined }[] = [];
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
): Promise<Doomed[]> {
  const wanted = await wantedObjects(await readManifests(context, options), session, options);
  return wanted.map(({ resource, object }) => ({ resource, key: keyOf(object) }));
}

async function fromArguments(
  args: readonly string[],
  session: Session,
  options: DeleteOptions,
): Promise<Doomed[]> {
  const targets = await parseTargets(args, session.discovery);
  const lists = await Promise.all(targets.map((target) => doomedOf(target, session, options)));
  return lists.flat();
}

async function doomedOf(
  { resource, names }: Target,
  session: Session,
  options: DeleteOptions,
): Promise<Doomed[]> {
  const { selector, fieldSelector, all, allNamespaces } = options;
  const scope = resource.namespaced && !allNamespaces ? { namespace: session.namespace } : {};
  const selects = selector !== undefined || fieldSelector !== undefined || all === true;
  if (names.length > 0) {
    if (selects) throw new UsageError('names cannot be given together with -l, --field-selector or --all');
    return names.map((name) => ({ resource, key: { ...scope, name } }));
  }
  if (!selects) throw new UsageError(`say which ${resource.plural}: names, -l SELECTOR or --all`);
  const found = await fetchObjects(session, {
    resource,
    ...scope,
    ...(selector === undefined ? {} : { labelSelector: selector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  });
  return found.map(({ object }) => ({ resource, key: keyOf(object) }));
}

function keyOf({ metadata: { namespace, name } }: AnyObject): ObjectKey {
  return namespace === undefined ? { name } : { namespace, name };
}

/** Resolves with the uid of what was deleted; undefined when there was nothing. */
async function deleteOne(
  { io }: CommandContext,
  { client }: Session,
  { resource, key }: Doomed,
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
  target: Doomed,
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
