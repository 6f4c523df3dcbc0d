/** What `kubectl get pods` prints: kubectl's own columns, its words for how a pod is doing included. */
import { conditionOf } from '../meta/conditions.ts';
import { ageColumn, type Column } from './define-kind.ts';
import type { Pod } from './pod.ts';
import type { ContainerStatus } from './task.ts';

const none = '<none>';

export const podColumns: readonly Column<Pod>[] = [
  {
    name: 'Name',
    type: 'string',
    format: 'name',
    description: 'Name of the pod.',
    cell: ({ metadata }) => metadata.name,
  },
  { name: 'Ready', type: 'string', description: 'Containers that are ready, of all.', cell: readyCell },
  {
    name: 'Status',
    type: 'string',
    description: 'Phase, or the reason that matters more.',
    cell: podStatusCell,
  },
  {
    name: 'Restarts',
    type: 'integer',
    description: 'Restarts of its containers.',
    cell: ({ status }) => restarts(status.containerStatuses) + restarts(status.initContainerStatuses),
  },
  ageColumn,
  {
    name: 'IP',
    type: 'string',
    priority: 1,
    description: 'Address of the pod.',
    cell: ({ status }) => status.podIP ?? none,
  },
  {
    name: 'Node',
    type: 'string',
    priority: 1,
    description: 'Node it is bound to.',
    cell: ({ spec }) => spec.nodeName ?? none,
  },
  {
    name: 'Nominated Node',
    type: 'string',
    priority: 1,
    description: 'Node that is being made free for it.',
    cell: ({ status }) => status.nominatedNodeName ?? none,
  },
  {
    name: 'Readiness Gates',
    type: 'string',
    priority: 1,
    description: 'Further conditions that hold, of all.',
    cell: gatesCell,
  },
];

function readyCell({ spec, status }: Pod): string {
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  const names = new Set(sidecars.map(({ name }) => name));
  const all = [
    ...(status.containerStatuses ?? []),
    ...(status.initContainerStatuses ?? []).filter(({ name }) => names.has(name)),
  ];
  return `${all.filter(({ ready }) => ready).length}/${spec.containers.length + sidecars.length}`;
}

function restarts(containers: readonly ContainerStatus[] = []): number {
  return containers.reduce((sum, { restartCount }) => sum + restartCount, 0);
}

function gatesCell({ spec, status }: Pod): string {
  const gates = spec.readinessGates ?? [];
  if (gates.length === 0) return none;
  const open = gates.filter(
    ({ conditionType }) => conditionOf(status.conditions, conditionType)?.status === 'True',
  );
  return `${open.length}/${gates.length}`;
}

/** kubectl's STATUS (printPod of kubernetes/pkg/printers/internalversion). */
export function podStatusCell(pod: Pod): string {
  const { metadata, status } = pod;
  if (metadata.deletionTimestamp !== undefined)
    return status.phase === 'Unknown' || status.reason === 'NodeLost' ? 'Unknown' : 'Terminating';
  return initialReason(pod) ?? containersReason(pod);
}

/** Undefined once the init containers have done their part. */
function initialReason({ spec, status }: Pod): string | undefined {
  const all = spec.initContainers ?? [];
  for (const [index, { name, restartPolicy }] of all.entries()) {
    const container = status.initContainerStatuses?.find((each) => each.name === name);
    const { waiting, terminated } = container?.state ?? {};
    if (!container || terminated?.exitCode === 0) {
      if (container) continue;
      return status.phase === 'Pending' && status.initContainerStatuses
        ? `Init:${index}/${all.length}`
        : undefined;
    }
    if (restartPolicy === 'Always' && container.started) continue;
    if (terminated) return `Init:${terminated.reason || `ExitCode:${terminated.exitCode}`}`;
    const reason = waiting?.reason;
    return reason !== undefined && !['PodInitializing', 'TaskInitializing'].includes(reason)
      ? `Init:${reason}`
      : `Init:${index}/${all.length}`;
  }
  return undefined;
}

function containersReason({ status }: Pod): string {
  const containers = status.containerStatuses ?? [];
  const reasons = containers.flatMap(({ state: { waiting, terminated } }) => {
    if (waiting?.reason) return [waiting.reason];
    if (!terminated) return [];
    return [
      terminated.reason ||
        (terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`),
    ];
  });
  // kubectl looks from the last to the first: the first one's word counts.
  const reason = reasons[0] ?? status.reason ?? status.phase;
  if (reason !== 'Completed' || !containers.some(({ ready, state }) => ready && state.running)) return reason;
  return conditionOf(status.conditions, 'Ready')?.status === 'True' ? 'Running' : 'NotReady';
}
