/** The Node object this agent wants to be known by. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { Node, NodeStatus, Taint } from '../api/kinds/node.ts';
import { taints } from '../api/kinds/taints.ts';
import { conditionOf, type NewCondition, withCondition } from '../api/meta/conditions.ts';
import { timestamp } from '../api/meta/object-meta.ts';
import type { Image } from './images/image-store.ts';
import { architecture, operatingSystem } from './machine.ts';
import type { DriverName } from './runtime/runtime.ts';

/** What does not change while the agent lives. */
export interface NodeIdentity {
  name: string;
  address: string;
  port: number;
  labels: Record<string, string>;
  capacity: Record<string, string>;
  /** What tasks may have of it. */
  allocatable: Record<string, string>;
  nodeInfo: NonNullable<NodeStatus['nodeInfo']>;
  /** Where it keeps volumes of claims; absent: it has no place for them. */
  volumeDirectory?: string;
  /** GPUs of which tasks may have parts; absent: it was not asked for any. */
  devices?: NonNullable<NodeStatus['devices']>;
  driver: DriverName;
  /** Why this driver, for people. */
  driverReason: string;
}

export interface NodeState {
  /** Of the machine, and of what is there for its tasks. */
  conditions: NewCondition[];
  images: Image[];
  /** Why no tasks can run here; absent: they can. */
  notReady?: { reason: string; message: string };
}

export function nodeLabels({ name, labels }: NodeIdentity): Record<string, string> {
  return {
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': operatingSystem(),
    'kubernetes.io/arch': architecture(),
    ...labels,
  };
}

export function ownTaints({ driver }: NodeIdentity): Taint[] {
  return driver === 'unconfined' ? [{ key: taints.unconfined, effect: 'NoSchedule' }] : [];
}

/** Conditions of others in the present status are kept. */
export function nodeStatus(
  identity: NodeIdentity,
  state: NodeState,
  known: NodeStatus,
  nowMs: number,
): NodeStatus {
  const own: NewCondition[] = [
    ...state.conditions,
    {
      type: 'Unconfined',
      status: identity.driver === 'unconfined' ? 'True' : 'False',
      reason: identity.driver === 'unconfined' ? 'PlainProcesses' : 'Containers',
      message: identity.driverReason,
    },
    state.notReady
      ? { type: 'Ready', status: 'False', ...state.notReady }
      : { type: 'Ready', status: 'True', reason: 'AgentReady', message: 'the agent runs tasks' },
  ];
  const lastHeartbeatTime = heartbeat(known, nowMs);
  return {
    capacity: identity.capacity,
    allocatable: identity.allocatable,
    conditions: own.reduce(
      (all, condition) => withCondition(all, { ...condition, lastHeartbeatTime }, nowMs),
      known.conditions ?? [],
    ),
    addresses: [
      { type: 'InternalIP', address: identity.address },
      { type: 'Hostname', address: identity.name },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: identity.port } },
    nodeInfo: identity.nodeInfo,
    ...(identity.volumeDirectory === undefined ? {} : { volumeDirectory: identity.volumeDirectory }),
    ...(identity.devices ? { devices: identity.devices } : {}),
    images: state.images.map(({ names, sizeBytes }) => ({ names, sizeBytes })),
  };
}

/** The same for so long: that the node is heard its lease says, and each other time would be a write. */
const heartbeatMs = 5 * 60_000;

function heartbeat({ conditions }: NodeStatus, nowMs: number): string {
  const { lastHeartbeatTime = '' } = conditionOf(conditions, 'Ready') ?? {};
  return nowMs - Date.parse(lastHeartbeatTime) < heartbeatMs ? lastHeartbeatTime : timestamp(nowMs);
}

/** The parts of the status that the server does not know yet; undefined when there are none. */
export function changedStatus(known: NodeStatus, wanted: NodeStatus): Partial<NodeStatus> | undefined {
  const changed = Object.entries(wanted).filter(
    ([field, value]) => !isDeepStrictEqual(known[field as keyof NodeStatus], value),
  );
  return changed.length > 0 ? Object.fromEntries(changed) : undefined;
}

/** Labels and taints of ours that the object lacks; undefined when it has them all. */
export function missingMarks(node: Node, identity: NodeIdentity): Record<string, unknown> | undefined {
  const has = node.metadata.labels ?? {};
  const labels = Object.entries(nodeLabels(identity)).filter(([key, value]) => has[key] !== value);
  const present = node.spec.taints ?? [];
  const lacking = ownTaints(identity).filter(({ key }) => !present.some((taint) => taint.key === key));
  if (labels.length === 0 && lacking.length === 0) return undefined;
  return {
    metadata: { labels: Object.fromEntries(labels) },
    ...(lacking.length > 0 ? { spec: { taints: [...present, ...lacking] } } : {}),
  };
}
