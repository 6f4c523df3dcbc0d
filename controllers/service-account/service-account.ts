/** The service account controller: every namespace has an account `default`, again after somebody deleted it. */
import { Namespace, ServiceAccount } from '../../api/kinds/resources.ts';
import { hasReason } from '../../api/meta/api-error.ts';
import { controller, type ReconcileContext } from '../../client/controller.ts';

const accountName = 'default';

export const serviceAccountController = controller(Namespace)
  .options({ name: 'service-account', concurrency: 2 })
  .watches(
    ServiceAccount,
    ({ metadata }) => [metadata.namespace ?? ''],
    ({ object }) => object.metadata.name === accountName,
  )
  .reconcile(reconcileNamespace);

export async function reconcileNamespace(
  { metadata: { name: namespace, deletionTimestamp } }: Namespace,
  { client, cache }: Pick<ReconcileContext, 'client' | 'cache'>,
): Promise<undefined> {
  if (deletionTimestamp !== undefined || cache(ServiceAccount).get(`${namespace}/${accountName}`)) return;
  try {
    await client.create(ServiceAccount, { metadata: { name: accountName, namespace } });
  } catch (error) {
    // It is there, or the namespace has begun to go.
    if (!hasReason(error, 'AlreadyExists', 'NotFound', 'Forbidden')) throw error;
  }
}
