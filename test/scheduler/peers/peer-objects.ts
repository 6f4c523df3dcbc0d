/**
 * The nodes and tasks of a peer's case, written with Kubernetes' field names, as objects of ours. What a case
 * leaves out does not matter to it.
 */
import { Node, Task } from '../../../api/kinds/resources.ts';
import type { SpreadConstraint } from '../../../api/kinds/task-spec.ts';
import type { ResourceList } from '../../../api/meta/quantity.ts';

export interface PeerNode {
  name: string;
  /** So many like it. */
  count?: number;
  labels?: Record<string, string>;
  spec?: Node['spec'];
  allocatable?: ResourceList;
  images?: { names: string[]; sizeBytes: number }[];
  /** By another plugin, before this one scores. */
  refused?: boolean;
}

export interface PeerTask {
  name?: string;
  namespace?: string;
  labels?: Record<string, string>;
  node?: string;
  startTime?: string;
  deletionTimestamp?: string;
  spec?: Partial<Task['spec']>;
}

export function nodeOf({ name, labels = {}, spec = {}, allocatable = {}, refused = false }: PeerNode): Node {
  return {
    apiVersion: Node.apiVersion,
    kind: Node.kind,
    metadata: { name, labels },
    spec: refused ? { ...spec, unschedulable: true } : spec,
    status: { allocatable, conditions: [{ type: 'Ready', status: 'True' }] },
  };
}

export function taskOf(words: PeerTask, fallbackName: string): Task {
  const { namespace = 'default', name = fallbackName, labels = {}, node, spec = {} } = words;
  const { containers = [], initContainers = [] } = spec;
  const whole = (container: Partial<Task['spec']['containers'][number]>, index: number) => ({
    name: `c${index}`,
    resources: {},
    ...container,
  });
  return {
    apiVersion: Task.apiVersion,
    kind: Task.kind,
    metadata: { namespace, name, labels, uid: `uid-of-${fallbackName}`, ...pick(words, 'deletionTimestamp') },
    spec: {
      terminationGracePeriodSeconds: 30,
      schedulerName: 'default-scheduler',
      ...spec,
      ...(spec.topologySpreadConstraints
        ? { topologySpreadConstraints: spec.topologySpreadConstraints.map(withDefaults) }
        : {}),
      ...(node === undefined ? {} : { nodeName: node }),
      containers: containers.map(whole),
      initContainers: initContainers.map(whole),
    },
    status: { phase: node === undefined ? 'Pending' : 'Running', ...pick(words, 'startTime') },
  };
}

/** As the API server fills them in. */
function withDefaults(constraint: SpreadConstraint): SpreadConstraint {
  return { ...constraint, nodeAffinityPolicy: 'Honor', nodeTaintsPolicy: 'Ignore' };
}

function pick<Words, Key extends keyof Words>(words: Words, key: Key): Partial<Pick<Words, Key>> {
  return words[key] === undefined ? {} : ({ [key]: words[key] } as Pick<Words, Key>);
}
