/**
 * Decisions per second of the scheduler's core alone: every node filtered and scored for every task, 100
 * task shapes, each placement charged and one random running task released. No API, no store.
 */
import { Node, Task } from '../api/kinds/resources.ts';
import { seededRandom } from '../api/meta/random.ts';
import { ClusterState } from '../scheduler/cluster-state.ts';
import { DecisionHash } from '../scheduler/core/decision-hash.ts';
import { Profile } from '../scheduler/core/profile.ts';
import { scheduleTask } from '../scheduler/core/schedule.ts';
import { type SchedulingTask, schedulingTask } from '../scheduler/core/scheduling-task.ts';
import { percentile, type Table } from './table.ts';

const shapes = 100;
const nodeShapes = [
  { cpu: '8', memory: '32Gi' },
  { cpu: '16', memory: '64Gi' },
  { cpu: '32', memory: '128Gi' },
  { cpu: '64', memory: '256Gi' },
];

export async function run(): Promise<Table> {
  return {
    title: 'Scheduler core: decisions per second, all nodes filtered and scored, cluster about 60 % full',
    columns: ['nodes', 'decisions/s', 'p50 µs', 'p99 µs', 'refused', 'decision hash'],
    rows: [1000, 5000, 15_000].map(measure),
    notes: ['core only: not to be compared with end-to-end figures such as scheduler_perf'],
  };
}

function measure(nodes: number): (string | number)[] {
  const decisions = Math.min(50_000, 20_000_000 / nodes);
  const random = seededRandom(nodes);
  const state = clusterOf(nodes);
  const profile = new Profile();
  const tasks = Array.from({ length: shapes }, (_, shape) => taskOfShape(shape, random.next()));
  const running: string[] = [];
  const hash = new DecisionHash();
  const microseconds: number[] = [];
  let refused = 0;
  const step = (index: number): void => {
    const shape = tasks[Math.floor(random.next() * shapes)]!;
    const task: SchedulingTask = { ...shape, uid: `${index}`, key: `default/${index}` };
    const decision = scheduleTask(profile, state.snapshot, task);
    hash.add(task.key, decision.node);
    if (decision.node === undefined) {
      refused++;
      return;
    }
    state.assume(task, decision.node);
    running.push(task.uid);
  };
  const release = (): void => {
    const at = Math.floor(random.next() * running.length);
    const uid = running[at];
    running[at] = running.at(-1)!;
    running.pop();
    if (uid !== undefined) state.forget(uid);
  };
  let index = 0;
  for (; index < nodes * 12; index++) step(index);
  const startMs = performance.now();
  for (let count = 0; count < decisions; count++) {
    const beforeMs = performance.now();
    step(index++);
    release();
    microseconds.push((performance.now() - beforeMs) * 1000);
  }
  const perSecond = decisions / ((performance.now() - startMs) / 1000);
  return [
    nodes,
    perSecond,
    percentile(microseconds, 0.5),
    percentile(microseconds, 0.99),
    refused,
    hash.toString(),
  ];
}

function clusterOf(nodes: number): ClusterState {
  const state = new ClusterState(() => {});
  for (let index = 0; index < nodes; index++) {
    state.setNode({
      apiVersion: Node.apiVersion,
      kind: Node.kind,
      metadata: { name: `node-${index}`, labels: { zone: `z${index % 3}` } },
      spec: {},
      status: {
        allocatable: { ...nodeShapes[index % nodeShapes.length], pods: '110' },
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    });
  }
  return state;
}

/** 0.25 to 4 cores with 1 to 8 GiB each; one shape in ten is held to a zone. */
function taskOfShape(shape: number, size: number): SchedulingTask {
  const requests = { cpu: `${250 + Math.floor(size * 3750)}m`, memory: `${1 + (shape % 8)}Gi` };
  return schedulingTask({
    apiVersion: Task.apiVersion,
    kind: Task.kind,
    metadata: { namespace: 'default', name: `shape-${shape}` },
    spec: {
      terminationGracePeriodSeconds: 30,
      schedulerName: 'default-scheduler',
      ...(shape % 10 === 0 ? { nodeSelector: { zone: `z${shape % 3}` } } : {}),
      containers: [{ name: 'main', command: ['true'], resources: { requests } }],
    },
    status: { phase: 'Pending' },
  });
}
