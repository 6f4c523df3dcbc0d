/**
 * The garbage collector: deletes what is owned by nobody any more, and carries out foreground and orphan
 * deletion. One controller per kind; an object's key is woken by itself, by the end of its owners, and
 * by any change of its dependents.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Resource } from '../../api/kinds/resources.ts';
import { hasReason } from '../../api/meta/api-error.ts';
import { type KubeObject, keyOf } from '../../api/meta/object-meta.ts';
import type { Client, ObjectKey } from '../../client/client.ts';
import {
  type Caches,
  type ControllerDefinition,
  controller,
  type ReconcileContext,
  type Result,
} from '../../client/controller.ts';
import type { Change } from '../../client/informer.ts';
import {
  decideChild,
  decideOwner,
  foregroundFinalizer,
  heldBy,
  type OwnerState,
  type Verdict,
  withoutFinalizer,
  withoutOwner,
} from './decide.ts';
import { isOfKind, keyOfOwner, OwnerLookup, resourceOf } from './owner-lookup.ts';

/** A collector for each kind; together they must be given every kind that may own or be owned. */
export function garbageCollectors(resources: readonly Resource<KubeObject>[]): ControllerDefinition[] {
  // Events are owned by nobody and go by themselves.
  const collected = resources.filter(({ kind, group }) => kind !== 'Event' || group !== '');
  const owners = new OwnerLookup(collected);
  return collected.map((resource) => collectorOf({ resource, owners, collected }));
}

interface Collector {
  resource: Resource<KubeObject>;
  owners: OwnerLookup;
  /** Every kind that may own or be owned. */
  collected: readonly Resource<KubeObject>[];
}

function collectorOf(collector: Collector): ControllerDefinition {
  const { resource, collected } = collector;
  let builder = controller(resource)
    .options({ name: `garbage-collector-${resource.plural}`, concurrency: 8 })
    .when((change) => change.type !== 'deleted' && concernsOwnership(change));
  for (const other of collected) {
    builder = builder
      .watches(other, (owner, caches) => caches.cache(resource).ownedBy(owner).map(keyOf), isDeletion)
      .watches(other, (child, caches) => goingOwners(child, resource, caches), concernsOwnership);
  }
  return builder.reconcile((object, context) => collect(object, { ...collector, context }));
}

function isDeletion({ type }: Change<KubeObject>): boolean {
  return type === 'deleted';
}

/** Heartbeats and status reports are most of what changes; none of it matters here. */
function concernsOwnership(change: Change<KubeObject>): boolean {
  return change.type !== 'updated' || !isDeepStrictEqual(ownership(change.old), ownership(change.object));
}

function ownership({ metadata }: KubeObject): unknown {
  const { deletionTimestamp, finalizers, ownerReferences } = metadata;
  return { deletionTimestamp, finalizers, ownerReferences };
}

/** Keys of the child's owners of that kind that wait for it. An owner that goes later is woken by that. */
function goingOwners(child: KubeObject, resource: Resource<KubeObject>, caches: Caches): string[] {
  return (child.metadata.ownerReferences ?? [])
    .filter((owner) => isOfKind(owner, resource))
    .map((owner) => keyOf({ metadata: keyOfOwner(owner, resource, child) }))
    .filter((key) => caches.cache(resource).get(key)?.metadata.deletionTimestamp !== undefined);
}

interface Collection extends Collector {
  context: ReconcileContext;
}

/** What changed since it was judged is judged again, once the cache has caught up. */
const retryMs = 50;

async function collect(object: KubeObject, collection: Collection): Promise<Result | undefined> {
  const finalizer = heldBy(object);
  try {
    const verdict = finalizer
      ? await judgeOwner(object, finalizer, collection)
      : await judgeChild(object, collection);
    await carryOut(verdict, object, collection);
    return undefined;
  } catch (error) {
    if (hasReason(error, 'Conflict')) return { requeueAfterMs: retryMs };
    throw error;
  }
}

async function judgeChild(object: KubeObject, { owners, context }: Collection): Promise<Verdict> {
  const states = new Map<string, OwnerState>();
  const lookup = { client: context.client, caches: context };
  for (const owner of object.metadata.ownerReferences ?? []) {
    const state = await owners.stateOf(owner, object, lookup);
    states.set(owner.uid, state);
    if (state !== 'absent') break;
  }
  return decideChild(object, ({ uid }) => states.get(uid) ?? 'unknown');
}

/** Looks for dependents in the caches, and before the finalizer may come off, live. */
async function judgeOwner(object: KubeObject, finalizer: string, collection: Collection): Promise<Verdict> {
  const uid = object.metadata.uid ?? '';
  const decide = (dependents: readonly KubeObject[]): Verdict =>
    decideOwner(
      finalizer,
      dependents.filter((dependent) => !isWaitingInACircle(dependent, object, collection)),
      uid,
    );
  const verdict = decide(cachedDependents(object, collection));
  if (verdict.type !== 'release') return verdict;
  return decide(await liveDependents(object, collection));
}

/** Two that go in the foreground and own each other, however far around, would wait forever. */
function isWaitingInACircle(
  dependent: KubeObject,
  owner: KubeObject,
  { owners, context }: Collection,
): boolean {
  return heldBy(dependent) === foregroundFinalizer && owners.isOwnedBy(owner, dependent, context);
}

function cachedDependents(owner: KubeObject, { collected, context }: Collection): KubeObject[] {
  return collected.flatMap((resource) => context.cache(resource).ownedBy(owner));
}

async function liveDependents(
  { metadata }: KubeObject,
  { collected, context: { client } }: Collection,
): Promise<KubeObject[]> {
  const { namespace, uid } = metadata;
  const reachable = collected.filter((resource) => resource.namespaced || namespace === undefined);
  const lists = await Promise.all(
    reachable.map((resource) => client.list(resource, namespace === undefined ? {} : { namespace })),
  );
  return lists
    .flatMap(({ items }) => items)
    .filter((item) => item.metadata.ownerReferences?.some((owner) => owner.uid === uid));
}

async function carryOut(
  verdict: Verdict,
  object: KubeObject,
  { resource, collected, context: { client } }: Collection,
): Promise<void> {
  const forEachDependent = forEachOf(collected);
  switch (verdict.type) {
    case 'keep':
      return;
    case 'delete':
      return unlessGone(() => deleteObject(resource, object, client));
    case 'deleteDependents':
      return forEachDependent(verdict.dependents, (kind, child) => deleteObject(kind, child, client));
    case 'orphanDependents':
      return forEachDependent(verdict.dependents, async (kind, child) => {
        await client.update(kind, withoutOwner(child, object.metadata.uid ?? ''));
      });
    case 'release':
      return unlessGone(async () => {
        await client.update(resource, withoutFinalizer(object, verdict.finalizer));
      });
  }
}

type Act = (resource: Resource<KubeObject>, child: KubeObject) => Promise<void>;

function forEachOf(collected: readonly Resource<KubeObject>[]) {
  return async (dependents: readonly KubeObject[], act: Act): Promise<void> => {
    for (const child of dependents) {
      const resource = resourceOf(child, collected);
      if (resource) await unlessGone(() => act(resource, child));
    }
  };
}

/** With the version it was judged at: an owner that was added meanwhile counts. */
async function deleteObject(
  resource: Resource<KubeObject>,
  { metadata }: KubeObject,
  client: Client,
): Promise<void> {
  const { namespace, name, uid, resourceVersion } = metadata;
  const key: ObjectKey = namespace === undefined ? { name } : { namespace, name };
  const preconditions = {
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
  await client.delete(resource, key, { propagationPolicy: 'Background', preconditions });
}

async function unlessGone(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}
