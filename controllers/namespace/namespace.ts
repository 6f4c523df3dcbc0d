/**
 * The namespace controller: empties a namespace that is being deleted, waits until everything in it is
 * gone, then takes its finalizer off, which lets the namespace go.
 *
 * Invariant: the finalizer comes off only after a live look at every kind found nothing.
 */
import { isDeepStrictEqual } from 'node:util';
import { namespaceFinalizer } from '../../api/kinds/names.ts';
import {
  builtinResources,
  CustomResourceDefinition,
  Namespace,
  type Resource,
} from '../../api/kinds/resources.ts';
import { hasReason } from '../../api/meta/api-error.ts';
import type { KubeObject } from '../../api/meta/object-meta.ts';
import type { Client } from '../../client/client.ts';
import { controller, type ReconcileContext, type Result } from '../../client/controller.ts';
import { collectionPath } from '../../client/resource-path.ts';
import { customResources } from '../custom-resources.ts';
import { withoutFinalizer } from '../garbage-collector/decide.ts';
import { type Remains, remainsConditions } from './remains.ts';

export const namespaceController = controller(Namespace)
  .options({ name: 'namespace', concurrency: 2 })
  .reconcile(reconcileNamespace);

/** What takes long is asked about less often: a tenth of the time it has taken, within these bounds. */
const pollMs = { least: 500, most: 10_000 };

export async function reconcileNamespace(
  namespace: Namespace,
  { client, clock }: Pick<ReconcileContext, 'client' | 'clock'>,
): Promise<Result | undefined> {
  const { name, deletionTimestamp, finalizers } = namespace.metadata;
  if (deletionTimestamp === undefined || !finalizers?.includes(namespaceFinalizer)) return undefined;
  if (namespace.status.phase !== 'Terminating')
    return writeStatus(namespace, { ...namespace.status, phase: 'Terminating' }, client);
  const remains: Remains[] = [];
  for (const resource of await contentKinds(client)) {
    const objects = await remainsOf(resource, name, client);
    if (objects.length > 0) remains.push({ resource, objects });
  }
  if (remains.length === 0) return release(namespace, client);
  const conditions = remainsConditions(namespace.status.conditions, remains, clock.now());
  if (!isDeepStrictEqual(conditions, namespace.status.conditions))
    await writeStatus(namespace, { ...namespace.status, conditions }, client);
  return { requeueAfterMs: pauseAfter(clock.now() - Date.parse(deletionTimestamp)) };
}

/** Every kind that may have objects in a namespace, asked for now. */
async function contentKinds(client: Client): Promise<Resource<KubeObject>[]> {
  const { items } = await client.list(CustomResourceDefinition);
  return [...builtinResources, ...customResources(items)].filter(({ namespaced }) => namespaced);
}

function pauseAfter(ageMs: number): number {
  return Math.min(pollMs.most, Math.max(pollMs.least, ageMs / 10));
}

/** Says what is going on; the event of this write brings the namespace back here. */
async function writeStatus(
  namespace: Namespace,
  status: Namespace['status'],
  client: Client,
): Promise<undefined> {
  await ignoringChanges(() => client.updateStatus(Namespace, { ...namespace, status }));
}

/** Asks for the deletion of everything of a kind, and gives what there was. */
async function remainsOf(
  resource: Resource<KubeObject>,
  namespace: string,
  client: Client,
): Promise<KubeObject[]> {
  const { items } = await client.list(resource, { namespace });
  const hasStaying = items.some(({ metadata }) => metadata.deletionTimestamp === undefined);
  if (hasStaying) {
    await client.raw(`${collectionPath(resource, namespace)}?propagationPolicy=Background`, {
      method: 'DELETE',
    });
  }
  return items;
}

async function release(namespace: Namespace, client: Client): Promise<undefined> {
  await ignoringChanges(() => client.update(Namespace, withoutFinalizer(namespace, namespaceFinalizer)));
}

/** What changed or went meanwhile comes back here by its event. */
async function ignoringChanges(write: () => Promise<unknown>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (!hasReason(error, 'Conflict', 'NotFound')) throw error;
  }
}
