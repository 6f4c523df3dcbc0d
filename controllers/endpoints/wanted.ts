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
import { isConditionTrue } from '../../api/meta/conditions.ts';
import { matchesLabels, requirementsOf } from '../../api/meta/label-selector.ts';

/** Endpoints that share their ports: they can be in one slice. */
export interface EndpointGroup {
  ports: EndpointPort[];
  endpoints: Endpoint[];
}

/** In the order of their tasks' names; tasks whose ports have different numbers are in different groups. */
export function wantedGroups(service: Service, tasks: readonly Task[]): EndpointGroup[] {
  const groups = new Map<string, EndpointGroup>();
  const members = tasks.filter((task) => isMember(service, task));
  members.sort((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1));
  for (const task of members) {
    const address = taskAddress(task);
    if (address === undefined || isTerminal(task.status.phase)) continue;
    const ports = portsOf(service, task);
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, endpoints: [] };
    group.endpoints.push(endpointOf(service, task, address));
    groups.set(key, group);
  }
  return [...groups.values()];
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
  { spec }: Service,
  { metadata, spec: taskSpec, status }: Task,
  address: string,
): Endpoint {
  const terminating = metadata.deletionTimestamp !== undefined;
  const serving = status.phase === 'Running' && isConditionTrue(status.conditions, 'Ready');
  const hostname = hostnameOf(taskSpec);
  return {
    addresses: [address],
    conditions: { ready: spec.publishNotReadyAddresses ?? (serving && !terminating), serving, terminating },
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
