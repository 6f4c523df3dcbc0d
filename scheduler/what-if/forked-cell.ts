/**
 * A copy of a cell to ask questions of: nodes and tasks as they are, decided on by the production core. An
 * assumption ("if n1 were uncordoned") holds for one question and is taken back, so every question is
 * asked of the same cell.
 *
 * Invariant: between two questions the cell is as it was built, but for what `place` put into it.
 */
import type { Namespace, Node, Task } from '../../api/kinds/resources.ts';
import { isTerminal } from '../../api/kinds/task-phase.ts';
import { ClusterState } from '../cluster-state.ts';
import type { Relaxation } from '../core/plugin.ts';
import { Profile } from '../core/profile.ts';
import { type Decision, type RankedNode, rankNodes, scheduleTask } from '../core/schedule.ts';
import { schedulingTask } from '../core/scheduling-task.ts';
import type { Snapshot } from '../core/snapshot.ts';
import { type CellClaims, setClaims } from './cell-claims.ts';

/** What is assumed for one question. Everything absent is as it is. */
export interface Assumption {
  /** The asked task, changed. */
  task?: (task: Task) => Task;
  /** Nodes in place of those of the same name, or beside them. */
  nodes?: readonly Node[];
  /** Tasks of the cell that would be over. */
  ended?: readonly Task[];
}

export interface CellObjects {
  profile?: Profile;
  /** Tasks may be selected by the labels of theirs. */
  namespaces?: readonly Namespace[];
  claims?: CellClaims;
}

export class ForkedCell {
  readonly nodes: readonly Node[];
  /** Those that hold something of a node. */
  readonly tasks: readonly Task[];
  readonly #state = new ClusterState(() => {});
  readonly #nodesByName: ReadonlyMap<string, Node>;
  readonly #profile: Profile;

  constructor(
    nodes: readonly Node[],
    tasks: readonly Task[],
    { profile = new Profile(), namespaces = [], claims }: CellObjects = {},
  ) {
    this.nodes = nodes;
    this.tasks = tasks.filter(({ spec, status }) => spec.nodeName !== undefined && !isTerminal(status.phase));
    this.#nodesByName = new Map(nodes.map((node) => [node.metadata.name, node]));
    this.#profile = profile;
    for (const { metadata } of namespaces) this.#state.setNamespace(metadata.name, metadata.labels ?? {});
    for (const node of nodes) this.#state.setNode(node);
    if (claims) setClaims(this.#state, claims);
    for (const task of this.tasks) this.#state.setTask(task);
  }

  get snapshot(): Snapshot {
    return this.#state.snapshot;
  }

  get queueSort(): Profile['queueSort'] {
    return this.#profile.queueSort;
  }

  /** Everything the plugins think the task could do without. */
  relaxationsOf(task: Task): Relaxation[] {
    const asked = schedulingTask(task);
    return this.#profile.plugins.flatMap((plugin) => plugin.relax?.(task, this.snapshot, asked) ?? []);
  }

  /** Where the task would go now, under all the assumptions together. */
  decide(task: Task, assumptions: readonly Assumption[] = []): Decision {
    const nodes = assumptions.flatMap((assumption) => assumption.nodes ?? []);
    const ended = assumptions.flatMap((assumption) => assumption.ended ?? []);
    const asked = assumptions.reduce((changed, assumption) => assumption.task?.(changed) ?? changed, task);
    for (const node of nodes) this.#state.setNode(node);
    for (const { metadata } of ended) this.#state.removeTask(metadata.uid ?? '');
    try {
      return scheduleTask(this.#profile, this.#state.snapshot, schedulingTask(asked));
    } finally {
      for (const one of ended) this.#state.setTask(one);
      for (const { metadata } of nodes) this.#restore(metadata.name);
    }
  }

  /** The nodes that would take a task of the cell now if it were not there, best first. */
  rank(task: Task): RankedNode[] {
    const { uid = '' } = task.metadata;
    const { nodeName: _here, ...spec } = task.spec;
    this.#state.removeTask(uid);
    try {
      return rankNodes(this.#profile, this.#state.snapshot, schedulingTask({ ...task, spec }));
    } finally {
      this.#state.setTask(task);
    }
  }

  /** Puts the task on the node for good: the next questions see it there. */
  place(task: Task, node: string): void {
    this.#state.assume(schedulingTask(task), node);
  }

  #restore(name: string): void {
    const node = this.#nodesByName.get(name);
    if (node) this.#state.setNode(node);
    else this.#state.removeNode(name);
  }
}
