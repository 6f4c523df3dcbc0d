/**
 * The endpoints controllers: keep the EndpointSlices of every service, and of every job whose tasks have
 * ports, as `decideEndpoints` wants them. The first are Kubernetes'; the second are where the names of tasks
 * come from.
 */
import { isDeepStrictEqual } from 'node:util';
import { jobNameLabel } from '../../api/kinds/job-labels.ts';
import { EndpointSlice, Job, Service, Task } from '../../api/kinds/resources.ts';
import { endpointsManager, managedByLabel, serviceNameLabel } from '../../api/kinds/service-labels.ts';
import { taskAddress } from '../../api/kinds/task-address.ts';
import { isConditionTrue } from '../../api/meta/conditions.ts';
import { controllerOf, keyOf } from '../../api/meta/object-meta.ts';
import { type Caches, controller, type Predicate, type ReconcileContext } from '../../client/controller.ts';
import { decideEndpoints } from './decide.ts';
import { writeSlices } from './slice-writes.ts';
import { isMember, wantedGroups, wantedGroupsOfJob } from './wanted.ts';

const whenFactsChange: Predicate<Task> = (change) =>
  change.type !== 'updated' || !isDeepStrictEqual(factsOf(change.old), factsOf(change.object));

export const endpointsController = controller(Service)
  .owns(EndpointSlice)
  .watches(Task, servicesOf, whenFactsChange)
  .options({ name: 'endpoints' })
  .reconcile(reconcileService);

export const jobEndpointsController = controller(Job)
  .owns(EndpointSlice)
  .owns(Task, whenFactsChange)
  .options({ name: 'job-endpoints' })
  .reconcile(reconcileJob);

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

type Context = Pick<ReconcileContext, 'cache' | 'client'>;

async function reconcileService(service: Service, { cache, client }: Context): Promise<undefined> {
  const { name, namespace, deletionTimestamp } = service.metadata;
  if (deletionTimestamp !== undefined) return;
  const labels = { [serviceNameLabel]: name, [managedByLabel]: endpointsManager };
  const groups = wantedGroups(service, cache(Task).list(namespace));
  const actions = decideEndpoints({ prefix: name, labels }, groups, cache(EndpointSlice).ownedBy(service));
  await writeSlices({ client, owner: service, labels }, actions);
}

async function reconcileJob(job: Job, { cache, client }: Context): Promise<undefined> {
  const { name, deletionTimestamp } = job.metadata;
  if (deletionTimestamp !== undefined) return;
  const labels = { [jobNameLabel]: name, [managedByLabel]: endpointsManager };
  const hasPorts = job.spec.template.spec.containers.some(({ ports = [] }) => ports.length > 0);
  const tasks = cache(Task).ownedBy(job);
  const own = tasks.filter((task) => controllerOf(task)?.uid === job.metadata.uid);
  const groups = hasPorts ? wantedGroupsOfJob(own) : [];
  const owner = { prefix: `${name}.tasks`, labels };
  await writeSlices(
    { client, owner: job, labels },
    decideEndpoints(owner, groups, cache(EndpointSlice).ownedBy(job)),
  );
}
