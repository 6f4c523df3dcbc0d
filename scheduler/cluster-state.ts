/**
 * The cluster as the scheduler believes it to be: the node table, kept up by watch events and by the
 * scheduler's own binds, which count from the moment they are decided (kube-scheduler's assume cache), and
 * by the rooms it keeps for preemptors while their victims end (its nominated nodes).
 *
 * Invariant: a task's footprint is charged to at most one node: from its assume or the first word of its
 * bind, until it is over, gone, or its bind has failed. A room is charged until it is given up.
 */
import type { DeviceShares } from '../api/kinds/devices.ts';
import type { Node } from '../api/kinds/node.ts';
import type { Task } from '../api/kinds/task.ts';
import { isServing, isTerminal } from '../api/kinds/task-phase.ts';
import type { Labels } from '../api/meta/label-selector.ts';
import { ClusterClaims } from './cluster-claims.ts';
import { type Budget, Budgets } from './core/budgets.ts';
import { hasCrashed, workOf } from './core/crash-record.ts';
import { Gangs } from './core/gangs.ts';
import { helpfulChanges, type NodeFacts, nodeFacts } from './core/node-facts.ts';
import { byName, type NodeOrder } from './core/node-order.ts';
import { NodeTable } from './core/node-table.ts';
import type { ClusterEvent } from './core/plugin.ts';
import { type Resident, Residents } from './core/residents.ts';
import { footprintOf, type SchedulingTask } from './core/scheduling-task.ts';
import type { Snapshot } from './core/snapshot.ts';
import { assumedOn, boundTo, type PlacedTask, roomFor, startedMsOf } from './placed-task.ts';

/** Kept on a node for a task, while those that are in its way end. */
export interface KeptRoom {
  node: string;
  task: SchedulingTask;
  /** The uids of those it waits for. */
  awaited: readonly string[];
}

/** What an attempt did, and how to undo it. */
interface Attempt {
  assumed: string[];
  /** Of rooms it kept, and of tasks it told to end. */
  kept: string[];
  ending: string[];
  givenUp: KeptRoom[];
  /** To be told when it stands. */
  events: ClusterEvent[];
}

export class ClusterState {
  readonly residents = new Residents();
  readonly gangs = new Gangs();
  readonly budgets = new Budgets();
  readonly claims: ClusterClaims;
  readonly #table: NodeTable;
  readonly #nodes = new Map<string, NodeFacts>();
  /** By uid: a name may come back, a task does not. */
  readonly #placed = new Map<string, PlacedTask>();
  /** By uid of the task it is kept for. */
  readonly #rooms = new Map<string, KeptRoom>();
  #attempt: Attempt | undefined;
  readonly #tell: (event: ClusterEvent) => void;
  readonly #onRoom: (key: string) => void;

  /** `onEvent` hears of everything that may make room; `onRoom` of tasks whose kept room is ready, or lost. */
  constructor(
    onEvent: (event: ClusterEvent) => void,
    onRoom: (key: string) => void = () => {},
    order: NodeOrder = byName,
  ) {
    this.#table = new NodeTable(order);
    this.#tell = onEvent;
    this.#onRoom = onRoom;
    this.claims = new ClusterClaims(this.#table.claims, {
      onEvent: (event) => this.#onEvent(event),
      onFree: (node) => this.announceFree(node),
    });
  }

  get snapshot(): Snapshot {
    return this.#table;
  }

  /**
   * Runs `act`, which assumes tasks and keeps or gives up rooms; unless it gives true, all of that is undone,
   * and nobody hears of it.
   */
  attempt(act: () => boolean): boolean {
    const attempt: Attempt = { assumed: [], kept: [], ending: [], givenUp: [], events: [] };
    const { reliefs } = this.#table;
    let stands = false;
    this.#attempt = attempt;
    try {
      stands = act();
    } finally {
      this.#attempt = undefined;
      if (!stands) {
        this.#undo(attempt);
        this.#table.reliefs = reliefs;
      }
    }
    if (stands) for (const event of attempt.events) this.#onEvent(event);
    return stands;
  }

  #undo({ assumed, kept, ending, givenUp }: Attempt): void {
    for (const uid of assumed) {
      const placed = this.#placed.get(uid);
      if (placed) this.#takeOff(placed);
    }
    for (const uid of kept) this.giveUpRoom(uid);
    for (const uid of ending) this.setEnding(uid, false);
    for (const room of givenUp) this.#addRoom(room);
  }

  #onEvent(event: ClusterEvent): void {
    if (this.#attempt) this.#attempt.events.push(event);
    else this.#tell(event);
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

  /** A plugin was switched off: what it said counts no more. */
  voidAnswers(): void {
    this.#table.voidAnswers();
  }

  /** Tasks may be selected by the labels of their namespaces. */
  setNamespace(name: string, labels: Labels): void {
    this.#table.setNamespace(name, labels);
  }

  /** Undefined: the job sets no limit to disruptions. */
  setBudget(job: string, budget: Budget | undefined): void {
    if (this.budgets.set(job, budget)) this.#touchJob(job);
  }

  /** What its tasks are worth as victims has changed, on all their nodes. */
  #touchJob(job: string): void {
    for (const slot of this.#table.tasksOfJob(job).keys())
      this.#table.noteChange(this.#table.names[slot] ?? '');
  }

  /** The decision stands, the bind is on its way. */
  assume(task: SchedulingTask, node: string): void {
    const devices = this.#table.devicesFor(node, task);
    this.#place(assumedOn(node, devices ? { ...task, devices } : task));
    this.#attempt?.assumed.push(task.uid);
  }

  isAssumed(uid: string): boolean {
    return this.#placed.get(uid)?.assumed ?? false;
  }

  /** The bind failed. Nothing happens if the task was seen bound meanwhile. */
  forget(uid: string): void {
    const placed = this.#placed.get(uid);
    if (placed?.assumed) this.#releasePlaced(placed);
  }

  /** A bound task as the API server has it. Tasks on a node nobody hears from still hold what they have. */
  setTask(task: Task): void {
    const { uid = '' } = task.metadata;
    const { nodeName } = task.spec;
    const work = hasCrashed(task) ? workOf(task) : undefined;
    if (work !== undefined && nodeName !== undefined) this.#table.crashes.note(work, nodeName, uid);
    if (nodeName === undefined || isTerminal(task.status.phase)) {
      this.#release(uid);
      const { gang, job } = footprintOf(task);
      if (gang && job !== undefined && task.status.phase === 'Succeeded')
        this.gangs.set(job, uid, 'succeeded');
      return;
    }
    const placed = this.#placed.get(uid);
    if (placed?.node === nodeName) {
      placed.assumed = false;
      this.#countIn(placed);
      this.#learnDevices(placed, task.spec.devices);
      this.#setAvailable(placed, !placed.ending && isServing(task));
      this.#update(placed, task);
      return;
    }
    // Somebody else bound it, elsewhere than assumed.
    this.#release(uid);
    const own = boundTo(nodeName, task);
    this.#place(own);
    this.#setAvailable(own, isServing(task));
  }

  removeTask(uid: string): void {
    this.#release(uid);
    this.gangs.remove(uid);
  }

  /** Sets room aside for a task; from now on its victims count as ending, and the room as taken. */
  keepRoom(room: KeptRoom): void {
    this.#addRoom(room);
    this.#attempt?.kept.push(room.task.uid);
    for (const uid of room.awaited) this.setEnding(uid, true);
  }

  #addRoom(room: KeptRoom): void {
    const { node, task } = room;
    this.#rooms.set(task.uid, room);
    this.#table.charge(node, task);
    this.residents.add(this.#table.slotOf(node)!, roomFor(task));
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
    this.#attempt?.givenUp.push(room);
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
    if (ending) this.#setAvailable(placed, false);
    this.#attempt?.ending.push(uid);
    this.#table.markEnding(placed.node, placed.footprint, ending);
    if (ending) this.#announceReleased(placed);
  }

  /** The API server may have chosen others than were assumed. */
  #learnDevices(placed: PlacedTask, devices: DeviceShares | undefined): void {
    const { node, footprint } = placed;
    if (!devices || JSON.stringify(devices) === JSON.stringify(footprint.devices)) return;
    this.#table.discharge(node, footprint, placed.ending);
    placed.footprint = { ...footprint, devices };
    this.#table.charge(node, placed.footprint);
    if (placed.ending) this.#table.markEnding(node, placed.footprint, true);
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
    this.#countIn(placed);
    this.#table.charge(node, footprint);
    if (placed.ending) this.#table.markEnding(node, footprint, true);
    const slot = this.#table.slotOf(node)!;
    this.residents.add(slot, placed);
    this.#onEvent({ type: 'TaskPlaced', slot, identity: footprint.identity });
  }

  #release(uid: string): void {
    const placed = this.#placed.get(uid);
    if (placed) this.#releasePlaced(placed);
  }

  #releasePlaced(placed: PlacedTask): void {
    const slot = this.#takeOff(placed);
    this.#onEvent({ type: 'TaskReleased', slot, identity: placed.footprint.identity });
    this.#tellKeepers(slot);
  }

  /** Gives the slot it was on. */
  #takeOff(placed: PlacedTask): number {
    const { uid, node, footprint, ending } = placed;
    this.#placed.delete(uid);
    this.gangs.remove(uid);
    this.#setAvailable(placed, false);
    this.residents.remove(this.#table.slotOf(node) ?? -1, uid);
    const slot = this.#table.discharge(node, footprint, ending);
    if (footprint.gang && footprint.job !== undefined) this.#touchJob(footprint.job);
    return slot;
  }

  #countIn({ uid, footprint: { gang, job }, assumed }: PlacedTask): void {
    if (!gang || job === undefined) return;
    this.gangs.set(job, uid, assumed ? 'assumed' : 'bound');
    this.#touchJob(job);
  }

  #setAvailable({ uid, job }: Resident, available: boolean): void {
    if (job !== undefined && this.budgets.setAvailable(job, uid, available)) this.#touchJob(job);
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
    return this.residents.on(slot).filter(({ isReservation }) => isReservation);
  }
}
