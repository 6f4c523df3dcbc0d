/**
 * The endpoints controller: keeps the EndpointSlices of every service as `decideEndpoints` wants them. A cache
 * that is behind costs a refused write (versions and names are compared), never a wrong slice.
 */
import { isDeepStrictEqual } from 'node:util';
import { EndpointSlice, Service, Task } from '../../api/kinds/resources.ts';
import { endpointsManager, managedByLabel, serviceNameLabel } from '../../api/kinds/service-labels.ts';
import { taskAddress } from '../../api/kinds/task-address.ts';
import { hasReason } from '../../api/meta/api-error.ts';
import { isConditionTrue } from '../../api/meta/conditions.ts';
import { keyOf, ownerReference } from '../../api/meta/object-meta.ts';
import type { Client } from '../../client/client.ts';
import { type Caches, controller, type ReconcileContext } from '../../client/controller.ts';
import { type Action, decideEndpoints } from './decide.ts';
import { isMember } from './wanted.ts';

export const endpointsController = controller(Service)
  .owns(EndpointSlice)
  .watches(
    Task,
    servicesOf,
    (change) => change.type !== 'updated' || !isDeepStrictEqual(factsOf(change.old), factsOf(change.object)),
  )
  .options({ name: 'endpoints', concurrency: 4 })
  .reconcile(reconcileEndpoints);

function servicesOf(task: Task, caches: Caches): string[] {
  const services = caches.cache(Service).list(task.metadata.namespace);
  return services.filter((service) => isMember(service, task)).map(keyOf);
}

/** What of a task endpoints are made of: reports about anything else wake nobody. */
function factsOf(task: Task): unknown {
  const { metadata, spec, status } = task;
  const isReady = isConditionTrue(status.conditions, 'Ready');
  return [
    metadata.labels,
    metadata.deletionTimestamp,
    spec.nodeName,
    status.phase,
    taskAddress(task),
    isReady,
  ];
}

export async function reconcileEndpoints(
  service: Service,
  context: Pick<ReconcileContext, 'cache' | 'client'>,
): Promise<undefined> {
  if (service.metadata.deletionTimestamp !== undefined) return;
  const tasks = context.cache(Task).list(service.metadata.namespace);
  const slices = context.cache(EndpointSlice).ownedBy(service);
  for (const action of decideEndpoints(service, tasks, slices)) await act(service, action, context.client);
}

async function act(service: Service, action: Action, client: Client): Promise<void> {
  try {
    switch (action.do) {
      case 'create':
        await client.create(EndpointSlice, newSlice(service, action));
        break;
      case 'update':
        await client.update(EndpointSlice, { ...action.slice, endpoints: action.endpoints });
        break;
      case 'delete':
        await client.delete(EndpointSlice, keyParts(action.slice), {
          preconditions: versionOf(action.slice),
        });
        break;
    }
  } catch (error) {
    // Somebody was faster, or this cache is behind: the event of that brings the service back here.
    if (!hasReason(error, 'AlreadyExists', 'Conflict', 'NotFound')) throw error;
  }
}

function newSlice(service: Service, { name, ports, endpoints }: Extract<Action, { do: 'create' }>) {
  const { namespace, name: serviceName } = service.metadata;
  return {
    metadata: {
      ...(namespace === undefined ? {} : { namespace }),
      name,
      labels: { [serviceNameLabel]: serviceName, [managedByLabel]: endpointsManager },
      ownerReferences: [ownerReference(service)],
    },
    addressType: 'IPv4' as const,
    ports,
    endpoints,
  };
}

function keyParts({ metadata: { namespace, name } }: EndpointSlice): { namespace?: string; name: string } {
  return { ...(namespace === undefined ? {} : { namespace }), name };
}

function versionOf({ metadata: { resourceVersion } }: EndpointSlice): { resourceVersion?: string } {
  return resourceVersion === undefined ? {} : { resourceVersion };
}
