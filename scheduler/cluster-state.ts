/**
 * The cluster as the scheduler believes it to be: the node table, kept up by watch events and by the
 * scheduler's own binds, which count from the moment they are decided (kube-scheduler's assume cache).
 *
 * Invariant: a task's footprint is charged to at most one node: from its assume or the first word of its
 * bind, until it is over, gone, or its bind has failed.
 */
import type { Node } from '../api/kinds/node.ts';
import type { Task } from '../api/kinds/task.ts';
import { isTerminal } from '../api/kinds/task-phase.ts';
import { helpfulChanges, type NodeFacts, nodeFacts } from './core/node-facts.ts';
import { NodeTable } from './core/node-table.ts';
import type { ClusterEvent } from './core/plugin.ts';
import { type Footprint, footprintOf, type SchedulingTask } from './core/scheduling-task.ts';
import type { Snapshot } from './core/snapshot.ts';

interface PlacedTask {
  node: string;
  footprint: Footprint;
  /** Decided here; the API server has not confirmed it yet. */
  assumed: boolean;
}

export class ClusterState {
  readonly #table = new NodeTable();
  readonly #nodes = new Map<string, NodeFacts>();
  /** By uid: a name may come back, a task does not. */
  readonly #placed = new Map<string, PlacedTask>();
  readonly #onEvent: (event: ClusterEvent) => void;

  /** `onEvent` hears of everything that may make room. */
  constructor(onEvent: (event: ClusterEvent) => void) {
    this.#onEvent = onEvent;
  }

  get snapshot(): Snapshot {
    return this.#table;
  }

  setNode(node: Node): void {
    const facts = nodeFacts(node);
    const before = this.#nodes.get(facts.name);
    this.#nodes.set(facts.name, facts);
    const slot = this.#table.setNode(facts);
    if (!before) {
      this.#onEvent({ type: 'NodeAdded', slot });
      return;
    }
    const changes = helpfulChanges(before, facts);
    if (changes.size > 0) this.#onEvent({ type: 'NodeChanged', slot, changes });
  }

  removeNode(name: string): void {
    this.#nodes.delete(name);
    this.#table.removeNode(name);
  }

  /** The decision stands, the bind is on its way. */
  assume(task: SchedulingTask, node: string): void {
    this.#placed.set(task.uid, { node, footprint: task, assumed: true });
    this.#table.charge(node, task);
  }

  isAssumed(uid: string): boolean {
    return this.#placed.get(uid)?.assumed ?? false;
  }

  /** The bind failed. Nothing happens if the task was seen bound meanwhile. */
  forget(uid: string): void {
    if (this.isAssumed(uid)) this.#release(uid);
  }

  /** A bound task as the API server has it. Tasks on a node nobody hears from still hold what they have. */
  setTask(task: Task): void {
    const { uid = '' } = task.metadata;
    const { nodeName } = task.spec;
    if (nodeName === undefined || isTerminal(task.status.phase)) {
      this.#release(uid);
      return;
    }
    const placed = this.#placed.get(uid);
    if (placed?.node === nodeName) {
      placed.assumed = false;
      return;
    }
    // Somebody else bound it, elsewhere than assumed.
    this.#release(uid);
    const footprint = placed?.footprint ?? footprintOf(task);
    this.#placed.set(uid, { node: nodeName, footprint, assumed: false });
    this.#table.charge(nodeName, footprint);
  }

  removeTask(uid: string): void {
    this.#release(uid);
  }

  #release(uid: string): void {
    const placed = this.#placed.get(uid);
    if (!placed) return;
    this.#placed.delete(uid);
    const slot = this.#table.discharge(placed.node, placed.footprint);
    this.#onEvent({ type: 'TaskReleased', slot });
  }
}
