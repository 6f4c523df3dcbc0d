/** `gantry scale`: sets how many tasks a job keeps alive, through the scale subresource. */
import { ApiError } from '../../api/meta/api-error.ts';
import { objectPath } from '../../client/resource-path.ts';
import type { CommandFunction, Session } from '../command.ts';
import { eachReported, UsageError } from '../failure.ts';
import { shownName } from '../resource-names.ts';
import { type NamedTarget, parseNamedTargets } from '../target.ts';

export interface ScaleOptions {
  replicas?: string;
  currentReplicas?: string;
}

interface Scale {
  metadata: { resourceVersion?: string };
  spec?: { replicas?: number };
}

export const scale: CommandFunction<ScaleOptions> = async (context, args, options) => {
  const replicas = count(options.replicas, '--replicas');
  if (replicas === undefined) throw new UsageError('say how many: --replicas N');
  const current = count(options.currentReplicas, '--current-replicas');
  const session = await context.session();
  const targets = await parseNamedTargets(args, session.discovery);
  return eachReported(context.io, targets, async (target) => {
    await scaleOne(session, target, { replicas, ...(current === undefined ? {} : { current }) });
    context.io.out(`${shownName(target.resource, target.name)} scaled\n`);
  });
};

async function scaleOne(
  { client, namespace }: Session,
  { resource, name }: NamedTarget,
  { replicas, current }: { replicas: number; current?: number },
): Promise<void> {
  if (!resource.subresources.includes('scale'))
    throw new ApiError('MethodNotAllowed', `${resource.plural} cannot be scaled`);
  const key = { name, ...(resource.namespaced ? { namespace } : {}) };
  let precondition = {};
  if (current !== undefined) {
    const live = (await client.raw(objectPath(resource, key, 'scale'))) as Scale;
    const there = live.spec?.replicas ?? 0;
    if (there !== current)
      throw new ApiError('Conflict', `${shownName(resource, name)} has ${there} replicas, not ${current}`);
    precondition = { metadata: { resourceVersion: live.metadata.resourceVersion } };
  }
  const body = { ...precondition, spec: { replicas } };
  await client.patch(
    resource,
    key,
    { type: 'merge', body },
    { subresource: 'scale', fieldManager: 'gantry' },
  );
}

function count(text: string | undefined, flag: string): number | undefined {
  if (text === undefined || text === '-1') return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`${flag}: want a whole number, 0 or more`);
  return Number(text);
}
