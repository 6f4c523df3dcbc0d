/**
 * The namespace controller: empties a namespace that is being deleted, waits until everything in it is
 * gone, then takes its finalizer off, which lets the namespace go.
 *
 * Invariant: the finalizer comes off only after a live look at every kind found nothing.
 */
import { namespaceFinalizer } from '../../api/kinds/names.ts';
import { builtinResources, Namespace, type Resource } from '../../api/kinds/resources.ts';
import { hasReason } from '../../api/meta/api-error.ts';
import type { KubeObject } from '../../api/meta/object-meta.ts';
import type { Client } from '../../client/client.ts';
import { controller, type ReconcileContext, type Result } from '../../client/controller.ts';
import { collectionPath } from '../../client/resource-path.ts';
import { withoutFinalizer } from '../garbage-collector/decide.ts';

export const namespaceController = controller(Namespace)
  .options({ name: 'namespace', concurrency: 2 })
  .reconcile(reconcileNamespace);

const content = builtinResources.filter(({ namespaced }) => namespaced);
const pollMs = 500;

export async function reconcileNamespace(
  namespace: Namespace,
  { client }: Pick<ReconcileContext, 'client'>,
): Promise<Result | undefined> {
  const { name, deletionTimestamp, finalizers } = namespace.metadata;
  if (deletionTimestamp === undefined || !finalizers?.includes(namespaceFinalizer)) return undefined;
  let isEmpty = true;
  for (const resource of content) isEmpty = (await emptyOf(resource, name, client)) && isEmpty;
  if (!isEmpty) return { requeueAfterMs: pollMs };
  await release(namespace, client);
  return undefined;
}

/** Asks for the deletion of everything of a kind; true when there was nothing. */
async function emptyOf(resource: Resource<KubeObject>, namespace: string, client: Client): Promise<boolean> {
  const { items } = await client.list(resource, { namespace });
  const hasStaying = items.some(({ metadata }) => metadata.deletionTimestamp === undefined);
  if (hasStaying) {
    await client.raw(`${collectionPath(resource, namespace)}?propagationPolicy=Background`, {
      method: 'DELETE',
    });
  }
  return items.length === 0;
}

async function release(namespace: Namespace, client: Client): Promise<void> {
  try {
    await client.update(Namespace, withoutFinalizer(namespace, namespaceFinalizer));
  } catch (error) {
    // It changed meanwhile: its event brings it back here.
    if (!hasReason(error, 'Conflict', 'NotFound')) throw error;
  }
}
