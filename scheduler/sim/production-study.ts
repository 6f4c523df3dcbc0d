/**
 * The GPU study (gpu-study.ts) of what runs in production: the scheduler's own core with one of its profiles
 * places the tasks, knowing of the workload only what it has placed so far.
 */
import { gpuMilli, wholeDevice } from '../../api/kinds/devices.ts';
import { Node, Task } from '../../api/kinds/resources.ts';
import { ClusterState } from '../cluster-state.ts';
import { ClassIndex } from '../core/class-index.ts';
import { Profile } from '../core/profile.ts';
import { type SchedulingTask, schedulingTask } from '../core/scheduling-task.ts';
import type { GpuNode, GpuShape } from './gpu-cell.ts';
import type { GpuScheduler } from './gpu-study.ts';

const modelLabel = 'gpu-model';

export class ProductionStudy implements GpuScheduler {
  readonly capacity: number;
  allocated = 0;
  readonly #state = new ClusterState(() => {});
  readonly #profile: Profile;
  readonly #index: ClassIndex;
  readonly #tasks = new Map<GpuShape, SchedulingTask>();
  /** Nothing ever ends here: what did not fit will not. */
  readonly #refused = new Set<GpuShape>();
  #count = 0;

  constructor(nodes: readonly GpuNode[], profile = new Profile()) {
    this.#profile = profile;
    for (const node of nodes) this.#state.setNode(nodeOf(node));
    this.#index = new ClassIndex(profile, this.#state.snapshot);
    this.capacity = nodes.reduce((sum, { gpus }) => sum + gpus * wholeDevice, 0);
  }

  schedule(shape: GpuShape): string | undefined {
    if (this.#refused.has(shape)) return undefined;
    const uid = `${this.#count++}`;
    const task = { ...this.#taskOf(shape), uid, key: `default/${uid}` };
    const { node } = this.#index.schedule(task);
    if (node === undefined) {
      this.#refused.add(shape);
      return undefined;
    }
    this.#state.assume(task, node);
    this.allocated += shape.gpus * shape.gpuMilli;
    return node;
  }

  #taskOf(shape: GpuShape): SchedulingTask {
    let task = this.#tasks.get(shape);
    if (!task) this.#tasks.set(shape, (task = this.#profile.sign(schedulingTask(taskOf(shape)))));
    return task;
  }
}

function nodeOf({ name, cpuMilli, memoryMib, gpus, model }: GpuNode): Node {
  return {
    apiVersion: Node.apiVersion,
    kind: Node.kind,
    metadata: { name, labels: { [modelLabel]: model } },
    spec: {},
    status: {
      allocatable: { cpu: `${cpuMilli}m`, memory: `${memoryMib}Mi`, pods: '1000' },
      devices: Array.from({ length: gpus }, (_, at) => ({ name: `gpu${at}` })),
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  };
}

function taskOf({ cpuMilli, memoryMib, gpus, gpuMilli: milli, models }: GpuShape): Task {
  const devices: Record<string, string> = gpus > 0 ? { [gpuMilli]: `${gpus * milli}` } : {};
  const terms = [{ matchExpressions: [{ key: modelLabel, operator: 'In' as const, values: [...models] }] }];
  const required = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms } };
  return {
    apiVersion: Task.apiVersion,
    kind: Task.kind,
    metadata: { namespace: 'default', name: 'task' },
    spec: {
      terminationGracePeriodSeconds: 30,
      schedulerName: 'default-scheduler',
      containers: [
        {
          name: 'main',
          command: ['true'],
          resources: { requests: { cpu: `${cpuMilli}m`, memory: `${memoryMib}Mi`, ...devices } },
        },
      ],
      ...(models.length > 0 ? { affinity: { nodeAffinity: required } } : {}),
    },
    status: { phase: 'Pending' },
  };
}
