/** A cell for tests of the core: nodes and tasks in a few words, decisions without a server. */
import { Node, Task } from '../../api/kinds/resources.ts';
import type { ResourceList } from '../../api/meta/quantity.ts';
import { ClusterState } from '../../scheduler/cluster-state.ts';
import type { ClusterEvent } from '../../scheduler/core/plugin.ts';
import { Profile } from '../../scheduler/core/profile.ts';
import { type Decision, scheduleTask } from '../../scheduler/core/schedule.ts';
import { schedulingTask } from '../../scheduler/core/scheduling-task.ts';

export interface NodeWords {
  allocatable?: ResourceList;
  labels?: Record<string, string>;
  taints?: Node['spec']['taints'];
  cordoned?: boolean;
  ready?: boolean;
  /** Bytes by name. */
  images?: Record<string, number>;
  /** Names of GPUs. */
  devices?: string[];
  givesVolumes?: boolean;
}

export interface TaskWords extends Partial<Omit<Task['spec'], 'containers'>> {
  /** One container asks for this. */
  requests?: ResourceList;
  /** Several containers, instead of `requests`. */
  containers?: ResourceList[];
  ports?: { containerPort: number; hostPort?: number; protocol?: 'TCP' | 'UDP' }[];
  created?: string;
  labels?: Record<string, string>;
  namespace?: string;
  phase?: Task['status']['phase'];
}

export function nodeOf(name: string, words: NodeWords = {}): Node {
  const {
    allocatable = { cpu: '4', memory: '8Gi', pods: '110' },
    labels,
    taints,
    cordoned,
    ready = true,
    devices,
    givesVolumes,
    images = {},
  } = words;
  return {
    apiVersion: Node.apiVersion,
    kind: Node.kind,
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
    spec: { ...(taints ? { taints } : {}), ...(cordoned ? { unschedulable: true } : {}) },
    status: {
      allocatable,
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
      images: Object.entries(images).map(([image, sizeBytes]) => ({ names: [image], sizeBytes })),
      ...(devices ? { devices: devices.map((one) => ({ name: one })) } : {}),
      ...(givesVolumes ? { volumeDirectory: '/volumes' } : {}),
    },
  };
}

export function taskOf(name: string, words: TaskWords = {}): Task {
  const { requests = {}, containers = [requests], ports = [], created, phase = 'Pending', ...rest } = words;
  const { labels, namespace = 'default', ...spec } = rest;
  const withPorts = ports.map((port) => ({ protocol: 'TCP' as const, ...port }));
  return {
    apiVersion: Task.apiVersion,
    kind: Task.kind,
    metadata: {
      namespace,
      name,
      uid: `uid-of-${name}`,
      ...(labels ? { labels } : {}),
      creationTimestamp: created ?? '2030-01-01T00:00:00Z',
    },
    spec: {
      terminationGracePeriodSeconds: 30,
      schedulerName: 'default-scheduler',
      ...spec,
      containers: containers.map((asks, index) => ({
        name: `c${index}`,
        command: ['true'],
        resources: { requests: asks },
        ...(index === 0 && withPorts.length > 0 ? { ports: withPorts } : {}),
      })),
    },
    status: { phase },
  };
}

export class Cell {
  readonly events: ClusterEvent[] = [];
  readonly state = new ClusterState((event) => this.events.push(event));
  readonly profile = new Profile();

  constructor(nodes: Record<string, NodeWords> = {}) {
    for (const [name, words] of Object.entries(nodes)) this.state.setNode(nodeOf(name, words));
  }

  /** Puts a task on a node without asking. */
  run(name: string, node: string, words: TaskWords = {}): this {
    this.state.setTask(taskOf(name, { ...words, nodeName: node }));
    return this;
  }

  decide(words: TaskWords = {}, name = 'asked'): Decision {
    return scheduleTask(this.profile, this.state.snapshot, schedulingTask(taskOf(name, words)));
  }

  /** The node, or the message that says why none. */
  answer(words: TaskWords = {}): string {
    const decision = this.decide(words);
    return decision.node ?? decision.explanation.message;
  }
}
