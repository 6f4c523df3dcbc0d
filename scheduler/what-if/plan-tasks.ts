/**
 * Where tasks would go if they were made now: decided by the production decider and its queue on a copy of the
 * cell, gangs together, with preemption; whoever is displaced ends at once. Pure.
 */

import { disruptionBudget } from '../../api/kinds/job-state.ts';
import type { Job, Namespace, Node, Task } from '../../api/kinds/resources.ts';
import { isTerminal } from '../../api/kinds/task-phase.ts';
import { keyOf } from '../../api/meta/object-meta.ts';
import { ClusterState } from '../cluster-state.ts';
import type { Explanation } from '../core/explain.ts';
import { givesHope } from '../core/hints.ts';
import { Profile } from '../core/profile.ts';
import { type SchedulingTask, schedulingTask } from '../core/scheduling-task.ts';
import { type Batch, Decider } from '../decider.ts';
import { SchedulingQueue } from '../queue.ts';
import { type CellClaims, setClaims } from './cell-claims.ts';

/** What the decisions are made on. */
export interface CellCopy {
  nodes: readonly Node[];
  /** Those that are not bound, or are over, hold nothing and do not matter. */
  tasks: readonly Task[];
  namespaces?: readonly Namespace[];
  jobs?: readonly Job[];
  claims?: CellClaims;
  /** As the scheduler has it that is asked about; absent: the default one. */
  profile?: Profile;
  /** Whether a task may displace others; absent: none may. */
  mayPreempt?: (task: SchedulingTask) => boolean;
}

export type PlannedTask = { task: Task } & (
  | { node: string; displaces: string[] }
  | { node: undefined; explanation: Explanation }
);

/** Long enough for every backoff to be over. */
const roundMs = 20_000;

/** `tasks` have uids, each its own. Gives the placed ones in the order they were decided, then the others. */
export function planTasks(cell: CellCopy, tasks: readonly Task[]): PlannedTask[] {
  const rehearsal = new Rehearsal(cell, tasks);
  // Every round places a task or displaces one, or is the last.
  for (let round = 0; rehearsal.playRound() && round < 2 * (tasks.length + cell.tasks.length); round++);
  return rehearsal.outcome();
}

class Rehearsal {
  readonly #tasks: ReadonlyMap<string, Task>;
  readonly #state: ClusterState;
  readonly #queue: SchedulingQueue;
  readonly #decider: Decider;
  readonly #nodes = new Map<string, string>();
  readonly #explanations = new Map<string, Explanation>();
  /** Keys of the displaced, by uid of the preemptor. */
  readonly #displaced = new Map<string, string[]>();
  #nowMs = 0;

  constructor(
    {
      nodes,
      tasks: there,
      namespaces = [],
      jobs = [],
      claims,
      mayPreempt,
      profile = new Profile(),
    }: CellCopy,
    tasks: readonly Task[],
  ) {
    this.#tasks = new Map(tasks.map((task) => [task.metadata.uid ?? '', task]));
    this.#state = new ClusterState(
      (event) => void this.#queue?.wake(event),
      (key) => void this.#queue.activate(key),
    );
    for (const { metadata } of namespaces) this.#state.setNamespace(metadata.name, metadata.labels ?? {});
    for (const node of nodes) this.#state.setNode(node);
    if (claims) setClaims(this.#state, claims);
    for (const task of there)
      if (task.spec.nodeName !== undefined || isTerminal(task.status.phase)) this.#state.setTask(task);
    for (const job of jobs) this.#state.setBudget(keyOf(job), disruptionBudget(job));
    const { snapshot } = this.#state;
    this.#queue = new SchedulingQueue({
      clock: { monotonicMs: () => this.#nowMs },
      sort: profile.queueSort,
      hint: (event, task, refusedBy) => givesHope(profile, snapshot, { event, task, refusedBy }),
    });
    const preempts = mayPreempt ? { mayPreempt } : {};
    this.#decider = new Decider({ profile, state: this.#state, queue: this.#queue, ...preempts });
    for (const task of tasks) this.#queue.add(profile.sign(schedulingTask(task)));
  }

  /** False when nothing more comes of it. */
  playRound(): boolean {
    this.#nowMs += roundMs;
    this.#queue.flush();
    const { placed, refused, displacements } = this.#decider.decideBatch(this.#tasks.size);
    for (const { queued, explanation } of refused) this.#explanations.set(queued.task.uid, explanation);
    for (const { queued, node } of placed) {
      const { uid, key } = queued.task;
      this.#nodes.set(uid, node);
      this.#queue.remove(key);
      const task = this.#tasks.get(uid);
      if (task) this.#state.setTask({ ...task, spec: { ...task.spec, nodeName: node } });
    }
    for (const displacement of displacements) this.#end(displacement);
    return placed.length + displacements.length > 0;
  }

  #end({ queued, preemption }: Batch['displacements'][number]): void {
    const { uid, key } = queued.task;
    const victims = preemption.victims.filter(({ isReservation }) => !isReservation);
    this.#displaced.set(uid, [...(this.#displaced.get(uid) ?? []), ...victims.map((victim) => victim.key)]);
    for (const victim of victims) {
      this.#state.removeTask(victim.uid);
      if (this.#nodes.delete(victim.uid)) this.#explanations.set(victim.uid, displacedBy(key));
    }
  }

  outcome(): PlannedTask[] {
    const placed = [...this.#nodes].map(([uid, node]) => ({
      task: this.#tasks.get(uid)!,
      node,
      displaces: this.#displaced.get(uid) ?? [],
    }));
    const pending = [...this.#tasks].flatMap(([uid, task]) =>
      this.#nodes.has(uid)
        ? []
        : [{ task, node: undefined, explanation: this.#explanations.get(uid) ?? undecided }],
    );
    return [...placed, ...pending];
  }
}

const undecided: Explanation = {
  reason: 'Unschedulable',
  message: 'it came to no decision',
  total: 0,
  rejected: [],
};

function displacedBy(key: string): Explanation {
  return { ...undecided, message: `it would be displaced by ${key}` };
}
