/**
 * Decisions per second of the scheduler's core alone: the full scan, which filters and scores every node
 * for every task, beside the class index, which gives the same decisions. Each placement is charged and one
 * random running task released. Then preemption. No API, no store.
 */
import { Node, Task } from '../api/kinds/resources.ts';
import { VirtualClock } from '../api/meta/clock.ts';
import { type Random, seededRandom } from '../api/meta/random.ts';
import { ClusterState } from '../scheduler/cluster-state.ts';
import { ClassIndex } from '../scheduler/core/class-index.ts';
import { DecisionHash } from '../scheduler/core/decision-hash.ts';
import { givesHope } from '../scheduler/core/hints.ts';
import { Profile } from '../scheduler/core/profile.ts';
import { scheduleTask } from '../scheduler/core/schedule.ts';
import { type SchedulingTask, schedulingTask } from '../scheduler/core/scheduling-task.ts';
import { Decider } from '../scheduler/decider.ts';
import { SchedulingQueue } from '../scheduler/queue.ts';
import { percentile, type Table } from './table.ts';

const shapes = 100;
const nodeShapes = [
  { cpu: '8', memory: '32Gi' },
  { cpu: '16', memory: '64Gi' },
  { cpu: '32', memory: '128Gi' },
  { cpu: '64', memory: '256Gi' },
];

export async function run(): Promise<Table[]> {
  return [placements(), constrained(), preemptions()];
}

function placements(): Table {
  return {
    title: 'Scheduler core: decisions per second, cluster about 60 % full, 100 task shapes in random order',
    columns: [
      'nodes',
      'full scan/s',
      'classes/s',
      'ratio',
      'per CPU s',
      'p50 µs',
      'p99 µs',
      'same decisions',
      'hash',
    ],
    rows: [1000, 5000, 15_000, 50_000].map(measure),
    notes: [
      'full scan: filters and scores every node for every task; classes: looks again at what changed',
      'per CPU s: by classes, in a second of processor time, for machines that others use as well',
      'same decisions: of those that were made both ways',
      'core only: not to be compared with end-to-end figures such as scheduler_perf',
    ],
  };
}

/** What the task shapes of a row ask for beside cpu and memory, by their `app` label. */
const constraints: Readonly<Record<string, (app: string) => Partial<Task['spec']>>> = {
  none: () => ({}),
  'of jobs, over zones and racks': (app) => ({ job: app }),
  'spread over 3 zones': (app) => ({
    topologySpreadConstraints: [spreadOver('topology.kubernetes.io/zone', 5, app)],
  }),
  'spread over hosts': (app) => ({
    topologySpreadConstraints: [spreadOver('kubernetes.io/hostname', 1, app)],
  }),
  'near their app, by zone': (app) => ({
    affinity: {
      podAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [termOf('topology.kubernetes.io/zone', app)],
      },
    },
  }),
  'apart from their app, by host': (app) => ({
    affinity: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [termOf('kubernetes.io/hostname', app)],
      },
    },
  }),
  'rather near, by zone': (app) => ({
    affinity: {
      podAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 1, podAffinityTerm: termOf('topology.kubernetes.io/zone', app) },
        ],
      },
    },
  }),
};

function spreadOver(topologyKey: string, maxSkew: number, app: string) {
  return {
    topologyKey,
    maxSkew,
    whenUnsatisfiable: 'DoNotSchedule' as const,
    labelSelector: { matchLabels: { app } },
    nodeAffinityPolicy: 'Honor' as const,
    nodeTaintsPolicy: 'Ignore' as const,
  };
}

function termOf(topologyKey: string, app: string) {
  return { topologyKey, labelSelector: { matchLabels: { app } } };
}

function constrained(): Table {
  return {
    title: 'The same by classes, where tasks mind each other: 100 apps, cluster about 45 % full',
    columns: [
      'nodes',
      'tasks are',
      'classes/s',
      'per CPU s',
      'of none',
      'p50 µs',
      'p99 µs',
      'placed',
      'hash',
    ],
    rows: [5000, 15_000, 50_000].flatMap(constrainedRows),
    notes: ['of none: decisions per CPU second beside those of tasks that mind nobody, in the same run'],
  };
}

function constrainedRows(nodes: number): (string | number)[][] {
  let basis = 0;
  return Object.entries(constraints).map(([name, of]) => {
    const churn = new Churn(nodes, 9, of);
    const { perSecond, perCpuSecond, microseconds, placed, decisions } = timed(churn, 250_000_000 / nodes);
    if (basis === 0) basis = perCpuSecond;
    return [
      nodes,
      name,
      perSecond,
      perCpuSecond,
      perCpuSecond / basis,
      percentile(microseconds, 0.5),
      percentile(microseconds, 0.99),
      `${placed} of ${decisions}`,
      churn.hash.toString(),
    ];
  });
}

function preemptions(): Table {
  return {
    title:
      'Preemption: every node full of four tasks of lower priority, each preemptor displaces three or four',
    columns: ['nodes', 'preemptors', 'decisions/s', 'victims', 'then placed', 'hash'],
    rows: [500, 1000, 5000].map(bestOfThree),
    notes: [
      "tasks and nodes of scheduler_perf's PreemptionBasic; every node is a candidate for the first preemptor",
      'best of three runs; a decision: refused, victims chosen, room kept; the placing after the victims have ended is not timed',
    ],
  };
}

function bestOfThree(nodes: number): (string | number)[] {
  const runs = [1, 2, 3].map(() => measurePreemption(nodes));
  return runs.reduce((best, run) => (Number(run[2]) > Number(best[2]) ? run : best));
}

/** 4 cores and 32 GiB per node, 900m per running task, 3 cores per preemptor: as many preemptors as nodes. */
function measurePreemption(nodes: number): (string | number)[] {
  const profile = new Profile();
  const state: ClusterState = new ClusterState(
    (event) => queue.wake(event),
    (key) => queue.activate(key),
  );
  const queue: SchedulingQueue = new SchedulingQueue({
    clock: new VirtualClock(),
    sort: profile.queueSort,
    hint: (event, task, refusedBy) => givesHope(profile, state.snapshot, { event, task, refusedBy }),
  });
  const decider = new Decider({ profile, state, queue, mayPreempt: () => true });
  for (let index = 0; index < nodes; index++) state.setNode(nodeOf(index, { cpu: '4', memory: '32Gi' }));
  const add = (name: string, cpu: string, priority: number): void =>
    queue.add(schedulingTask(taskOf(name, { requests: { cpu, memory: '500Mi' }, priority })));
  for (let index = 0; index < nodes * 4; index++) add(`low-${index}`, '900m', 0);
  for (const { queued } of decider.decideBatch(nodes * 4).placed) queue.remove(queued.task.key);
  for (let index = 0; index < nodes; index++) add(`high-${index}`, '3', 200_000);
  const startMs = performance.now();
  const { displacements } = decider.decideBatch(nodes);
  const perSecond = nodes / ((performance.now() - startMs) / 1000);
  const victims = displacements.flatMap(({ preemption }) => preemption.victims);
  for (const { uid } of victims) state.removeTask(uid);
  const { placed } = decider.decideBatch(nodes);
  return [nodes, displacements.length, perSecond, victims.length, placed.length, decider.hash.toString()];
}

/** A cell in which one task starts and one ends per step. */
class Churn {
  readonly state: ClusterState;
  readonly profile = new Profile();
  readonly index: ClassIndex;
  readonly hash = new DecisionHash();
  readonly #random: Random;
  readonly #shapes: SchedulingTask[];
  readonly #running: string[] = [];
  #count = 0;

  constructor(
    nodes: number,
    tasksPerNode = 12,
    constraintsOf: (app: string) => Partial<Task['spec']> = () => ({}),
  ) {
    this.#random = seededRandom(nodes);
    this.state = clusterOf(nodes);
    this.index = new ClassIndex(this.profile, this.state.snapshot);
    this.#shapes = Array.from({ length: shapes }, (_, shape) =>
      taskOfShape(shape, this.#random.next(), constraintsOf),
    );
    while (this.#count < nodes * tasksPerNode) this.start(this.nextTask());
  }

  nextTask(): SchedulingTask {
    const uid = `${this.#count++}`;
    const shape = this.#shapes[Math.floor(this.#random.next() * shapes)]!;
    return { ...shape, uid, key: `default/${uid}` };
  }

  /** Gives the node. */
  start(task: SchedulingTask): string | undefined {
    const { node } = this.index.schedule(task);
    this.hash.add(task.key, node);
    if (node === undefined) return undefined;
    this.state.assume(task, node);
    this.#running.push(task.uid);
    return node;
  }

  endOne(): void {
    const running = this.#running;
    const at = Math.floor(this.#random.next() * running.length);
    const uid = running[at];
    running[at] = running.at(-1)!;
    running.pop();
    if (uid !== undefined) this.state.forget(uid);
  }
}

function measure(nodes: number): (string | number)[] {
  const churn = new Churn(nodes);
  const compared = Math.min(3000, Math.ceil(10_000_000 / nodes));
  let scanMs = 0;
  let same = 0;
  for (let count = 0; count < compared; count++) {
    const task = churn.nextTask();
    const beforeMs = performance.now();
    const { node } = scheduleTask(churn.profile, churn.state.snapshot, task);
    scanMs += performance.now() - beforeMs;
    if (churn.start(task) === node) same++;
    churn.endOne();
  }
  const { perSecond, perCpuSecond, microseconds } = timed(churn, Math.min(200_000, 2_000_000_000 / nodes));
  const scanPerSecond = compared / (scanMs / 1000);
  return [
    nodes,
    scanPerSecond,
    perSecond,
    perSecond / scanPerSecond,
    perCpuSecond,
    percentile(microseconds, 0.5),
    percentile(microseconds, 0.99),
    `${same} of ${compared}`,
    churn.hash.toString(),
  ];
}

interface Timed {
  decisions: number;
  placed: number;
  perSecond: number;
  perCpuSecond: number;
  microseconds: number[];
}

function timed(churn: Churn, count: number): Timed {
  const decisions = Math.floor(count);
  let placed = 0;
  const microseconds: number[] = [];
  const startMs = performance.now();
  const before = process.cpuUsage();
  for (let count = 0; count < decisions; count++) {
    const beforeMs = performance.now();
    if (churn.start(churn.nextTask()) !== undefined) placed++;
    churn.endOne();
    microseconds.push((performance.now() - beforeMs) * 1000);
  }
  const { user, system } = process.cpuUsage(before);
  return {
    decisions,
    placed,
    perSecond: decisions / ((performance.now() - startMs) / 1000),
    perCpuSecond: decisions / ((user + system) / 1_000_000),
    microseconds,
  };
}

function clusterOf(nodes: number): ClusterState {
  const state = new ClusterState(() => {});
  for (let index = 0; index < nodes; index++)
    state.setNode(nodeOf(index, nodeShapes[index % nodeShapes.length]!));
  return state;
}

function nodeLabels(index: number): Record<string, string> {
  const zone = `z${index % 3}`;
  return {
    zone,
    'topology.kubernetes.io/zone': zone,
    'topology.kubernetes.io/rack': `${zone}-${Math.floor(index / 120)}`,
    'kubernetes.io/hostname': `node-${index}`,
  };
}

function nodeOf(index: number, size: { cpu: string; memory: string }): Node {
  return {
    apiVersion: Node.apiVersion,
    kind: Node.kind,
    metadata: { name: `node-${index}`, labels: nodeLabels(index) },
    spec: {},
    status: {
      allocatable: { ...size, pods: '110' },
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  };
}

/** 0.25 to 4 cores with 1 to 8 GiB each; one shape in ten is held to a zone. */
function taskOfShape(
  shape: number,
  size: number,
  constraintsOf: (app: string) => Partial<Task['spec']>,
): SchedulingTask {
  const requests = { cpu: `${250 + Math.floor(size * 3750)}m`, memory: `${1 + (shape % 8)}Gi` };
  const nodeSelector: Record<string, string> = shape % 10 === 0 ? { zone: `z${shape % 3}` } : {};
  const app = `app-${shape}`;
  const { metadata, ...task } = taskOf(`shape-${shape}`, { requests, nodeSelector, ...constraintsOf(app) });
  return schedulingTask({ ...task, metadata: { ...metadata, labels: { app } } });
}

interface Asks extends Partial<Omit<Task['spec'], 'containers'>> {
  requests: { cpu: string; memory: string };
}

function taskOf(name: string, { requests, ...asks }: Asks): Task {
  return {
    apiVersion: Task.apiVersion,
    kind: Task.kind,
    metadata: { namespace: 'default', name, uid: name },
    spec: {
      terminationGracePeriodSeconds: 30,
      schedulerName: 'default-scheduler',
      ...asks,
      containers: [{ name: 'main', command: ['true'], resources: { requests } }],
    },
    status: { phase: 'Pending' },
  };
}
