/**
 * The volume controllers: phases of claims and volumes, protection of what is in use, and the end of volumes
 * whose claims are gone. Nothing is let go on what a cache says alone.
 */
import {
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  StorageClass,
  Task,
} from '../../api/kinds/resources.ts';
import { isTerminal } from '../../api/kinds/task-phase.ts';
import { claimKeysOf } from '../../api/kinds/task-references.ts';
import { claimProtection, localProvisioner, nodeOfVolume } from '../../api/kinds/volume-names.ts';
import { hasReason } from '../../api/meta/api-error.ts';
import { type KubeObject, keyOf, timestamp } from '../../api/meta/object-meta.ts';
import { controller, type Predicate, type ReconcileContext } from '../../client/controller.ts';
import { withoutFinalizer } from '../garbage-collector/decide.ts';
import { type ClaimAction, decideClaim, decideVolume, type VolumeAction } from './decide.ts';

/** Of tasks only whether they use claims counts. */
const whenItStopsUsing: Predicate<Task> = (change) =>
  claimKeysOf(change.object).length > 0 &&
  (change.type !== 'updated' || isUsing(change.old) !== isUsing(change.object));

export const claimController = controller(PersistentVolumeClaim)
  .watches(PersistentVolume, ({ spec: { claimRef } }) =>
    claimRef ? [`${claimRef.namespace}/${claimRef.name}`] : [],
  )
  .watches(Task, claimKeysOf, whenItStopsUsing)
  .watches(StorageClass, (_class, caches) =>
    caches
      .cache(PersistentVolumeClaim)
      .list()
      .filter(({ status }) => status.phase === 'Pending')
      .map(keyOf),
  )
  .options({ name: 'claims' })
  .reconcile(reconcileClaim);

export const volumeController = controller(PersistentVolume)
  .watches(PersistentVolumeClaim, ({ spec }) => (spec.volumeName === undefined ? [] : [spec.volumeName]))
  .watches(
    Node,
    ({ metadata }, caches) =>
      caches
        .cache(PersistentVolume)
        .list()
        .filter((volume) => nodeOfVolume(volume) === metadata.name)
        .map(keyOf),
    ({ type }) => type !== 'updated',
  )
  .options({ name: 'volumes' })
  .reconcile(reconcileVolume);

type Context = Pick<ReconcileContext, 'cache' | 'client' | 'events' | 'clock'>;

async function reconcileClaim(claim: PersistentVolumeClaim, context: Context): Promise<undefined> {
  const { cache, client } = context;
  const { volumeName, storageClassName = '' } = claim.spec;
  const key = keyOf(claim);
  const volumes = cache(PersistentVolume);
  const volume =
    volumeName === undefined
      ? undefined
      : (volumes.get(volumeName) ?? (await found(() => client.get(PersistentVolume, { name: volumeName }))));
  const isKept = ({ spec: { claimRef } }: PersistentVolume): boolean =>
    claimRef?.name === claim.metadata.name && claimRef.namespace === claim.metadata.namespace;
  const actions = decideClaim(claim, {
    volume,
    reserved: volumeName === undefined ? volumes.list().filter(isKept) : [],
    isUsed: claim.metadata.deletionTimestamp !== undefined && (await isUsed(key, claim, context)),
    waitsForConsumer: cache(StorageClass).get(storageClassName)?.provisioner === localProvisioner,
  });
  await ignoringChanges(async () => {
    for (const action of actions) await actOnClaim(action, claim, context);
  });
}

/** A look at the cache, and before anything may go, at what is. */
async function isUsed(
  key: string,
  { metadata }: PersistentVolumeClaim,
  { cache, client }: Context,
): Promise<boolean> {
  const uses = (task: Task): boolean => isUsing(task) && claimKeysOf(task).includes(key);
  const { namespace = '' } = metadata;
  if (cache(Task).list(namespace).some(uses)) return true;
  return (await client.list(Task, { namespace })).items.some(uses);
}

/** From its bind on: a task that waits may as well wait for a claim that is gone. */
function isUsing({ spec, status }: Task): boolean {
  return spec.nodeName !== undefined && !isTerminal(status.phase);
}

async function actOnClaim(
  action: ClaimAction,
  claim: PersistentVolumeClaim,
  { client, events }: Context,
): Promise<void> {
  const { name, uid, namespace = '' } = claim.metadata;
  switch (action.do) {
    case 'release':
      await client.update(PersistentVolumeClaim, withoutFinalizer(claim, claimProtection));
      return;
    case 'setStatus':
      await client.updateStatus(PersistentVolumeClaim, { ...claim, status: action.status });
      return;
    case 'bind': {
      const { volume } = action;
      const claimRef = {
        ...{ apiVersion: claim.apiVersion, kind: claim.kind, namespace, name },
        ...(uid === undefined ? {} : { uid }),
      };
      await client.update(PersistentVolume, { ...volume, spec: { ...volume.spec, claimRef } });
      const spec = { ...claim.spec, volumeName: volume.metadata.name };
      if (claim.spec.volumeName === undefined) await client.update(PersistentVolumeClaim, { ...claim, spec });
      return;
    }
    case 'tell':
      events.record(claim, { type: action.type, reason: action.reason, message: action.message });
  }
}

async function reconcileVolume(volume: PersistentVolume, context: Context): Promise<undefined> {
  const node = nodeOfVolume(volume) ?? '';
  const actions = decideVolume(volume, {
    hasClaim: await hasClaim(volume, context),
    hasNode:
      context.cache(Node).get(node) !== undefined ||
      (await found(() => context.client.get(Node, { name: node }))) !== undefined,
  });
  await ignoringChanges(async () => {
    for (const action of actions) await actOnVolume(action, volume, context);
  });
}

/** A claim the cache does not know yet must not cost it its volume. */
async function hasClaim(
  { spec: { claimRef } }: PersistentVolume,
  { cache, client }: Context,
): Promise<boolean> {
  if (claimRef?.uid === undefined) return false;
  const { namespace, name, uid } = claimRef;
  const cached = cache(PersistentVolumeClaim).get(`${namespace}/${name}`);
  if (cached?.metadata.uid === uid) return true;
  const live = await found(() => client.get(PersistentVolumeClaim, { namespace, name }));
  return live?.metadata.uid === uid;
}

async function actOnVolume(
  action: VolumeAction,
  volume: PersistentVolume,
  { client, clock }: Context,
): Promise<void> {
  const { name, uid } = volume.metadata;
  switch (action.do) {
    case 'setPhase': {
      const status = {
        ...volume.status,
        phase: action.phase,
        lastPhaseTransitionTime: timestamp(clock.now()),
      };
      await client.updateStatus(PersistentVolume, { ...volume, status });
      return;
    }
    case 'delete':
      await client.delete(PersistentVolume, { name }, uid === undefined ? {} : { preconditions: { uid } });
      return;
    case 'drop':
      await client.update(PersistentVolume, withoutFinalizer(volume, action.finalizer));
  }
}

async function found<T extends KubeObject>(get: () => Promise<T>): Promise<T | undefined> {
  try {
    return await get();
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined;
    throw error;
  }
}

/** What changed or went meanwhile comes back by its event. */
async function ignoringChanges(write: () => Promise<unknown>): Promise<undefined> {
  try {
    await write();
  } catch (error) {
    if (!hasReason(error, 'Conflict', 'NotFound')) throw error;
  }
}
