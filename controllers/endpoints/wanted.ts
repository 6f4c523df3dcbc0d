/**
 * The endpoints a service should have: what its tasks are now. Pure.
 *
 *   task, not over, with an address → endpoint
 *     ready        its Ready condition, unless it is being deleted
 *     serving      the same, also while it is being deleted
 *     terminating  being deleted
 */
import type { Endpoint, EndpointPort } from '../../api/kinds/endpoint-slice.ts';
import type { Service, Task } from '../../api/kinds/resources.ts';
import { targetPortNumber, taskAddress } from '../../api/kinds/task-address.ts';
import { isTerminal } from '../../api/kinds/task-phase.ts';
import { listeningPort } from '../../api/kinds/task-request.ts';
import { isConditionTrue } from '../../api/meta/conditions.ts';
import { matchesLabels, requirementsOf } from '../../api/meta/label-selector.ts';

/** Endpoints that share their ports: they can be in one slice. */
export interface EndpointGroup {
  ports: EndpointPort[];
  endpoints: Endpoint[];
}

/** In the order of their tasks' names; tasks whose ports have different numbers are in different groups. */
export function wantedGroups(service: Service, tasks: readonly Task[]): EndpointGroup[] {
  const members = tasks.filter((task) => isMember(service, task));
  return grouped(members, (task, address) => ({
    ports: portsOf(service, task),
    endpoint: endpointOf(service.spec, task, address),
  }));
}

/** The tasks of a job under their indexes, with the ports of their containers: what `0.web.default.task.…` leads to. */
export function wantedGroupsOfJob(tasks: readonly Task[]): EndpointGroup[] {
  return grouped(tasks, (task, address) => ({
    ports: ownPortsOf(task),
    endpoint: { ...endpointOf({}, task, address), hostname: String(task.spec.index ?? 0) },
  }));
}

type Describe = (task: Task, address: string) => { ports: EndpointPort[]; endpoint: Endpoint };

function grouped(tasks: readonly Task[], describe: Describe): EndpointGroup[] {
  const groups = new Map<string, EndpointGroup>();
  for (const task of [...tasks].sort((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1))) {
    const address = taskAddress(task);
    if (address === undefined || isTerminal(task.status.phase)) continue;
    const { ports, endpoint } = describe(task, address);
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, endpoints: [] };
    group.endpoints.push(endpoint);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function ownPortsOf({ spec }: Task): EndpointPort[] {
  return [...spec.containers, ...(spec.initContainers ?? [])].flatMap(({ ports = [] }) =>
    ports.map((port) => ({
      name: port.name ?? '',
      protocol: port.protocol,
      port: listeningPort(port, spec),
    })),
  );
}

/** A service without a selector has its endpoints from somebody else. */
export function isMember({ metadata, spec }: Service, task: Task): boolean {
  const { selector = {}, type } = spec;
  if (type === 'ExternalName' || Object.keys(selector).length === 0) return false;
  if (task.metadata.namespace !== metadata.namespace) return false;
  return matchesLabels(requirementsOf({ matchLabels: selector }), task.metadata.labels);
}

function portsOf({ spec }: Service, task: Task): EndpointPort[] {
  return (spec.ports ?? []).flatMap(
    ({ name = '', port, targetPort = port, protocol, appProtocol }): EndpointPort[] => {
      const number = targetPortNumber(task.spec, { targetPort, protocol });
      if (number === undefined) return [];
      return [{ name, protocol, port: number, ...(appProtocol === undefined ? {} : { appProtocol }) }];
    },
  );
}

function endpointOf(
  { publishNotReadyAddresses }: Pick<Service['spec'], 'publishNotReadyAddresses'>,
  { metadata, spec: taskSpec, status }: Task,
  address: string,
): Endpoint {
  const terminating = metadata.deletionTimestamp !== undefined;
  const serving = status.phase === 'Running' && isConditionTrue(status.conditions, 'Ready');
  const hostname = hostnameOf(taskSpec);
  return {
    addresses: [address],
    conditions: { ready: publishNotReadyAddresses || (serving && !terminating), serving, terminating },
    ...(hostname === undefined ? {} : { hostname }),
    ...(taskSpec.nodeName === undefined ? {} : { nodeName: taskSpec.nodeName }),
    targetRef: {
      kind: 'Task',
      ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
      name: metadata.name,
      ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
    },
  };
}

/** Stable over replacements of a task: `web-0.web.default.svc.…` is index 0 of job web. */
function hostnameOf({ hostname, job, index }: Task['spec']): string | undefined {
  return hostname ?? (job === undefined || index === undefined ? undefined : `${job}-${index}`);
}
