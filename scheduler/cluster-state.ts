/**
 * The cluster as the scheduler believes it to be: the node table, kept up by watch events and by the
 * scheduler's own binds, which count from the moment they are decided (kube-scheduler's assume cache), and
 * by the rooms it keeps for preemptors while their victims end (its nominated nodes).
 *
 * Invariant: a task's footprint is charged to at most one node: from its assume or the first word of its
 * bind, until it is over, gone, or its bind has failed. A room is charged until it is given up.
 */
import type { Node } from '../api/kinds/node.ts';
import type { Task } from '../api/kinds/task.ts';
import { isTerminal } from '../api/kinds/task-phase.ts';
import type { Labels } from '../api/meta/label-selector.ts';
import { keyOf } from '../api/meta/object-meta.ts';
import { helpfulChanges, type NodeFacts, nodeFacts } from './core/node-facts.ts';
import { NodeTable } from './core/node-table.ts';
import type { ClusterEvent } from './core/plugin.ts';
import { type Resident, Residents } from './core/residents.ts';
import { type Footprint, footprintOf, type SchedulingTask } from './core/scheduling-task.ts';
import type { Snapshot } from './core/snapshot.ts';

interface PlacedTask extends Resident {
  readonly node: string;
  readonly footprint: Footprint;
  /** Decided here; the API server has not confirmed it yet. */
  assumed: boolean;
}

/** Kept on a node for a task, while those that are in its way end. */
export interface KeptRoom {
  node: string;
  task: SchedulingTask;
  /** The uids of those it waits for. */
  awaited: readonly string[];
}

export class ClusterState {
  readonly residents = new Residents();
  readonly #table = new NodeTable();
  readonly #nodes = new Map<string, NodeFacts>();
  /** By uid: a name may come back, a task does not. */
  readonly #placed = new Map<string, PlacedTask>();
  /** By uid of the task it is kept for. */
  readonly #rooms = new Map<string, KeptRoom>();
  readonly #onEvent: (event: ClusterEvent) => void;
  readonly #onRoom: (key: string) => void;

  /** `onEvent` hears of everything that may make room; `onRoom` of tasks whose kept room is ready, or lost. */
  constructor(onEvent: (event: ClusterEvent) => void, onRoom: (key: string) => void = () => {}) {
    this.#onEvent = onEvent;
    this.#onRoom = onRoom;
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
    const slot = this.#table.slotOf(name);
    this.#table.removeNode(name);
    for (const { key } of this.#keepersOn(this.#table.slotOf(name))) this.#onRoom(key);
    if (slot !== undefined) this.#onEvent({ type: 'NodeRemoved', slot });
  }

  /** Tasks may be selected by the labels of their namespaces. */
  setNamespace(name: string, labels: Labels): void {
    this.#table.setNamespace(name, labels);
  }

  /** The decision stands, the bind is on its way. */
  assume(task: SchedulingTask, node: string): void {
    const { key, uid, requests, ports, priority } = task;
    this.#place({
      key,
      uid,
      requests,
      ports,
      priority,
      startedMs: Number.MAX_SAFE_INTEGER,
      ending: false,
      isReservation: false,
      node,
      footprint: task,
      assumed: true,
    });
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
      this.#update(placed, task);
      return;
    }
    // Somebody else bound it, elsewhere than assumed.
    this.#release(uid);
    const footprint = placed?.footprint ?? footprintOf(task);
    const { requests, ports } = footprint;
    const { metadata, spec } = task;
    this.#place({
      key: keyOf(task),
      uid,
      requests,
      ports,
      priority: spec.priority ?? 0,
      startedMs: startedMsOf(task),
      ending: metadata.deletionTimestamp !== undefined,
      isReservation: false,
      node: nodeName,
      footprint,
      assumed: false,
    });
  }

  removeTask(uid: string): void {
    this.#release(uid);
  }

  /** Sets room aside for a task; from now on its victims count as ending, and the room as taken. */
  keepRoom(room: KeptRoom): void {
    const { node, task, awaited } = room;
    this.#rooms.set(task.uid, room);
    for (const uid of awaited) this.setEnding(uid, true);
    const { key, uid, requests, ports, priority } = task;
    this.#table.charge(node, task);
    this.residents.add(this.#table.slotOf(node)!, {
      key,
      uid,
      requests,
      ports,
      priority,
      startedMs: 0,
      ending: false,
      isReservation: true,
    });
  }

  /** The task needs no room any more: whoever waits may have it. */
  dropRoom(uid: string): void {
    const room = this.giveUpRoom(uid);
    if (room) this.announceFree(room.node);
  }

  /** Something of the node is free that was a kept room. */
  announceFree(node: string): void {
    const slot = this.#table.slotOf(node);
    if (slot === undefined) return;
    this.#onEvent({ type: 'TaskReleased', slot });
    this.#tellKeepers(slot);
  }

  /** Gives up the room kept for a task, and gives what it was, so that it can be kept again; tells nobody. */
  giveUpRoom(uid: string): KeptRoom | undefined {
    const room = this.#rooms.get(uid);
    if (!room) return undefined;
    this.#rooms.delete(uid);
    this.residents.remove(this.#table.slotOf(room.node) ?? -1, uid);
    this.#table.discharge(room.node, room.task);
    return room;
  }

  /** Room is kept for the task, and nobody was there to wait for. */
  hasNothingToAwait(uid: string): boolean {
    return this.#rooms.get(uid)?.awaited.length === 0;
  }

  /** Somebody the room waits for is still there, and so is the node. */
  isAwaiting({ node, awaited }: KeptRoom): boolean {
    return this.#nodes.has(node) && awaited.some((uid) => this.#placed.get(uid)?.node === node);
  }

  /** The task was told to end, or that failed. */
  setEnding(uid: string, ending: boolean): void {
    const placed = this.#placed.get(uid);
    if (!placed || placed.ending === ending) return;
    placed.ending = ending;
    this.#table.markEnding(placed.node, placed.footprint, ending);
    if (ending) this.#announceReleased(placed);
  }

  #update(placed: PlacedTask, task: Task): void {
    const startedMs = startedMsOf(task);
    const ending = placed.ending || task.metadata.deletionTimestamp !== undefined;
    if (placed.startedMs === startedMs && placed.ending === ending) return;
    placed.startedMs = startedMs;
    this.setEnding(placed.uid, ending);
    this.#table.noteChange(placed.node);
  }

  #place(placed: PlacedTask): void {
    const { uid, node, footprint } = placed;
    this.#placed.set(uid, placed);
    this.#table.charge(node, footprint);
    if (placed.ending) this.#table.markEnding(node, footprint, true);
    const slot = this.#table.slotOf(node)!;
    this.residents.add(slot, placed);
    this.#onEvent({ type: 'TaskPlaced', slot, identity: footprint.identity });
  }

  #release(uid: string): void {
    const placed = this.#placed.get(uid);
    if (!placed) return;
    this.#placed.delete(uid);
    this.residents.remove(this.#table.slotOf(placed.node) ?? -1, uid);
    const slot = this.#table.discharge(placed.node, placed.footprint, placed.ending);
    this.#onEvent({ type: 'TaskReleased', slot, identity: placed.footprint.identity });
    this.#tellKeepers(slot);
  }

  /** It no longer counts where tasks on their way out do not. */
  #announceReleased({ node, footprint }: PlacedTask): void {
    const slot = this.#table.slotOf(node);
    if (slot !== undefined) this.#onEvent({ type: 'TaskReleased', slot, identity: footprint.identity });
  }

  /** Rooms count as taken, so one that is ready leaves nothing below zero. */
  #tellKeepers(slot: number): void {
    for (const { key, requests } of this.#keepersOn(slot)) {
      const isReady = Object.keys(requests).every(
        (resource) => (this.#table.resource(resource)?.free[slot] ?? 0) >= 0,
      );
      if (isReady) this.#onRoom(key);
    }
  }

  #keepersOn(slot = -1): Resident[] {
    if (this.#rooms.size === 0) return [];
    return [...this.residents.on(slot).values()].filter(({ isReservation }) => isReservation);
  }
}

function startedMsOf({ metadata, status }: Task): number {
  return Date.parse(status.startTime ?? metadata.creationTimestamp ?? '') || 0;
}
