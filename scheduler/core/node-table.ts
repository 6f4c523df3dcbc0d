/**
 * All nodes as a structure of arrays: one row (slot) per node, one typed array per fact.
 * Written by the cluster state (watch events, assumed binds), read by plugins as a Snapshot.
 *
 * Invariants: a node keeps its slot for life; `used` is the sum of the footprints charged and not yet
 * discharged; free = allocatable − used. Tasks may be charged to a node that is not known yet (their
 * watch event came first) or not any more: the slot then exists without being `present`.
 */
import { chooseDevices, type DeviceShares, gpuMilli, sharesOf } from '../../api/kinds/devices.ts';
import type { Taint } from '../../api/kinds/node.ts';
import type { Labels } from '../../api/meta/label-selector.ts';
import { type ClaimState, ClaimTable } from './claim-table.ts';
import { CrashRecord } from './crash-record.ts';
import { DeviceTable } from './device-table.ts';
import { GpuDemandMix, type TypicalDemand } from './gpu-demand.ts';
import { HeldTerms } from './held-terms.ts';
import { HolderTable } from './holder-table.ts';
import { JobTable } from './job-table.ts';
import type { NodeFacts } from './node-facts.ts';
import { byName, type NodeOrder } from './node-order.ts';
import { type Presence, PresenceTable, type TaskChange } from './presence.ts';
import { Columns, enlarged } from './resource-columns.ts';
import type { Footprint } from './scheduling-task.ts';
import type { ResourceColumns, Snapshot } from './snapshot.ts';
import type { HeldTerm, TaskIdentity } from './task-identity.ts';
import { Topology } from './topology.ts';

const firstCapacity = 64;

/** A reader that is further behind does better to read the whole table. */
function changesKept(capacity: number): number {
  return 2 * Math.max(1024, capacity);
}

export class NodeTable implements Snapshot {
  size = 0;
  nodeCount = 0;
  reliefs = 0;
  topologyChanges = 0;
  readonly names: string[] = [];
  readonly labels: Labels[] = [];
  readonly imageBytes: ReadonlyMap<string, number>[] = [];
  readonly crashes = new CrashRecord();
  readonly taintSets: (readonly Taint[])[] = [[]];
  present = new Uint8Array(firstCapacity);
  ready = new Uint8Array(firstCapacity);
  unschedulable = new Uint8Array(firstCapacity);
  givesVolumes = new Uint8Array(firstCapacity);
  taintSet = new Int32Array(firstCapacity);
  generation = new Float64Array(firstCapacity);
  factsGeneration = new Float64Array(firstCapacity);
  longLived = new Int32Array(firstCapacity);
  shortLived = new Int32Array(firstCapacity);
  changes = 0;
  layout = 0;
  /** The slots of the last changes, a ring: change n is at n modulo its length, a power of two. */
  #log = new Int32Array(changesKept(firstCapacity));
  #logTasks: (TaskChange | undefined)[] = [];
  #logStart = 0;
  #capacity = firstCapacity;
  /** Tasks and volumes charged per slot. */
  #tasks = new Int32Array(firstCapacity);
  #rank = new Int32Array(firstCapacity);
  #rankIsStale = false;
  readonly #slots = new Map<string, number>();
  readonly #freeSlots: number[] = [];
  readonly #resources = new Map<string, Columns>();
  readonly #taintSetIds = new Map<string, number>([['[]', 0]]);
  readonly #ports = new HolderTable();
  readonly #jobs = new JobTable();
  readonly #devices = new DeviceTable();
  readonly #gpuDemand = new GpuDemandMix();
  readonly #presence = new PresenceTable();
  readonly #terms = new HeldTerms();
  readonly #topologies = new Map<string, Topology>();
  readonly #namespaces = new Map<string, Labels>();
  readonly claims = new ClaimTable((node, bytes) => this.#chargeDisk(node, bytes));
  readonly #order: NodeOrder;

  constructor(order: NodeOrder = byName) {
    this.#order = order;
  }

  resource(name: string): ResourceColumns | undefined {
    return this.#resources.get(name);
  }

  get forgottenChanges(): number {
    return Math.max(this.#logStart, this.changes - this.#log.length);
  }

  changedSlot(number: number): number {
    return this.#log[number & (this.#log.length - 1)]!;
  }

  taskChange(number: number): TaskChange | undefined {
    return this.#logTasks[number & (this.#log.length - 1)];
  }

  tasksOn(slot: number): ReadonlyMap<TaskIdentity, Presence> {
    return this.#presence.on(slot);
  }

  termsSelecting(task: TaskIdentity): readonly HeldTerm[] {
    return this.#terms.selecting(task, this.#namespaces);
  }

  claim(key: string): ClaimState {
    return this.claims.of(key);
  }

  get namespaces(): ReadonlyMap<string, Labels> {
    return this.#namespaces;
  }

  topology(key: string): Topology {
    let topology = this.#topologies.get(key);
    if (!topology) {
      this.#topologies.set(key, (topology = new Topology(key, this.#capacity)));
      for (let slot = 0; slot < this.size; slot++)
        if (this.present[slot] === 1) topology.set(slot, this.labels[slot]);
    }
    return topology;
  }

  deviceFree(slot: number): readonly number[] {
    return this.#devices.on(slot).free;
  }

  get gpuDemand(): readonly TypicalDemand[] {
    return this.#gpuDemand.typicals;
  }

  crashesOf(work: string): ReadonlyMap<number, number> {
    const slots = new Map<number, number>();
    for (const [node, attempts] of this.crashes.of(work)) {
      const slot = this.#slots.get(node);
      if (slot !== undefined) slots.set(slot, attempts);
    }
    return slots;
  }

  /** Which GPUs of the node a task would get, as the API server will choose; undefined when it asks for none. */
  devicesFor(name: string, { requests }: Pick<Footprint, 'requests'>): DeviceShares | undefined {
    const milli = requests[gpuMilli] ?? 0;
    if (milli === 0) return undefined;
    const { names, free } = this.#devices.on(this.#slotFor(name));
    return sharesOf(names, chooseDevices(free, milli) ?? [], milli);
  }

  portHolders(port: string): Iterable<number> {
    return this.#ports.holders(port).keys();
  }

  isPortTaken(port: string, slot: number): boolean {
    return this.#ports.holders(port).has(slot);
  }

  tasksOfJob(job: string): ReadonlyMap<number, number> {
    return this.#jobs.holders(job);
  }

  tasksOfJobIn(job: string, topology: Topology): ReadonlyMap<number, number> {
    return this.#jobs.inDomains(job, topology, this.topologyChanges);
  }

  get rank(): Int32Array {
    if (this.#rankIsStale) this.#sortNodes();
    return this.#rank;
  }

  /** The slot of a node, or of the tasks of a node that is not there. */
  slotOf(name: string): number | undefined {
    return this.#slots.get(name);
  }

  /** Adds the node or takes over its new facts; gives its slot. */
  setNode(facts: NodeFacts): number {
    const slot = this.#slotFor(facts.name);
    if (this.present[slot] === 0) this.nodeCount++;
    this.present[slot] = 1;
    this.ready[slot] = Number(facts.ready);
    this.unschedulable[slot] = Number(facts.unschedulable);
    this.givesVolumes[slot] = Number(facts.givesVolumes);
    this.taintSet[slot] = this.#internTaints(facts.taints);
    this.labels[slot] = facts.labels;
    this.#setDomains(slot, facts.labels);
    this.#devices.setNames(slot, facts.devices);
    this.imageBytes[slot] = facts.images;
    // A node that sets no limit to its tasks has none (as in the API server's check).
    this.#setAllocatable(slot, { pods: Number.POSITIVE_INFINITY, ...facts.allocatable });
    this.#touch(slot);
    this.factsGeneration[slot] = this.changes;
    this.reliefs++;
    return slot;
  }

  removeNode(name: string): void {
    const slot = this.#slots.get(name);
    if (slot === undefined || this.present[slot] === 0) return;
    this.nodeCount--;
    this.present[slot] = 0;
    this.#setDomains(slot, undefined);
    this.#devices.setNames(slot, []);
    this.#setAllocatable(slot, {});
    this.#touch(slot);
    this.reliefs++;
    this.factsGeneration[slot] = this.changes;
    this.#releaseSlot(slot);
  }

  /** Takes the footprint of one task from the node. */
  charge(name: string, footprint: Footprint): void {
    const { requests, ports, job, devices, claims, gpuDemand, identity } = footprint;
    const slot = this.#slotFor(name);
    if (claims) for (const claim of claims) this.claims.take(claim, name);
    for (const resource in requests) this.#columns(resource).use(slot, requests[resource] ?? 0);
    for (const port of ports) this.#ports.take(port, slot);
    if (job !== undefined) this.#jobs.take(job, slot);
    if (devices) this.#devices.charge(slot, devices);
    if (gpuDemand && this.#gpuDemand.change(gpuDemand, 1)) this.layout++;
    this.#tasks[slot]!++;
    (footprint.livesLong ? this.longLived : this.shortLived)[slot]!++;
    this.#terms.add(identity);
    this.#touch(slot, { identity, count: 1, ending: 0 });
  }

  /** Gives back what `charge` took; gives the slot it was on. `ending`: the task had been marked so. */
  discharge(name: string, footprint: Footprint, ending = false): number {
    const { requests, ports, job, devices, claims, gpuDemand, identity } = footprint;
    const slot = this.#slotFor(name);
    if (claims) for (const claim of claims) this.claims.release(claim);
    for (const resource in requests) this.#columns(resource).use(slot, -(requests[resource] ?? 0));
    for (const port of ports) this.#ports.giveBack(port, slot);
    if (job !== undefined) this.#jobs.giveBack(job, slot);
    if (devices) this.#devices.discharge(slot, devices);
    if (gpuDemand && this.#gpuDemand.change(gpuDemand, -1)) this.layout++;
    this.#tasks[slot]!--;
    (footprint.livesLong ? this.longLived : this.shortLived)[slot]!--;
    this.#terms.remove(identity);
    this.#touch(slot, { identity, count: -1, ending: ending ? -1 : 0 });
    this.reliefs++;
    this.#releaseSlot(slot);
    return slot;
  }

  /**
   * A task there was told to end, or that was taken back. No relief: it makes no room, and who spreads among the
   * others, not counting those that end, goes by every change.
   */
  markEnding(name: string, { identity }: Footprint, ending: boolean): void {
    this.#touch(this.#slotFor(name), { identity, count: 0, ending: ending ? 1 : -1 });
  }

  setNamespace(name: string, labels: Labels): void {
    if (JSON.stringify(this.#namespaces.get(name)) === JSON.stringify(labels)) return;
    this.#namespaces.set(name, labels);
    this.layout++;
    this.reliefs++;
  }

  /** A plugin was switched off: whatever was worked out with it is void. */
  voidAnswers(): void {
    this.layout++;
    this.reliefs++;
  }

  /** Something about the tasks of the node is different that no column shows: readers of the log look again. */
  noteChange(name: string): void {
    const slot = this.#slots.get(name);
    if (slot !== undefined) this.#touch(slot);
  }

  /** For a volume, which keeps the slot as a task does; negative: it is gone. */
  #chargeDisk(name: string, bytes: number): void {
    const slot = this.#slotFor(name);
    this.#columns('ephemeral-storage').use(slot, bytes);
    this.#tasks[slot]! += Math.sign(bytes);
    this.#touch(slot);
    if (bytes > 0) return;
    this.reliefs++;
    this.#releaseSlot(slot);
  }

  #touch(slot: number, change?: TaskChange): void {
    this.generation[slot] = ++this.changes;
    const at = this.changes & (this.#log.length - 1);
    this.#log[at] = slot;
    this.#logTasks[at] = change && this.#presence.change(slot, change);
  }

  #slotFor(name: string): number {
    const known = this.#slots.get(name);
    if (known !== undefined) return known;
    const slot = this.#freeSlots.pop() ?? this.size++;
    if (slot >= this.#capacity) this.#grow();
    this.#slots.set(name, slot);
    this.names[slot] = name;
    this.labels[slot] = {};
    this.imageBytes[slot] = new Map();
    this.#rankIsStale = true;
    return slot;
  }

  #releaseSlot(slot: number): void {
    if (this.present[slot] === 1 || this.#tasks[slot] !== 0) return;
    this.#slots.delete(this.names[slot] ?? '');
    this.#freeSlots.push(slot);
    this.#rankIsStale = true;
  }

  #setAllocatable(slot: number, allocatable: Readonly<Record<string, number>>): void {
    for (const resource in allocatable) this.#columns(resource);
    for (const [resource, columns] of this.#resources) columns.offer(slot, allocatable[resource] ?? 0);
  }

  #columns(resource: string): Columns {
    let columns = this.#resources.get(resource);
    if (!columns) {
      this.#resources.set(resource, (columns = new Columns(this.#capacity)));
      this.layout++;
    }
    return columns;
  }

  #setDomains(slot: number, labels: Labels | undefined): void {
    for (const topology of this.#topologies.values()) if (topology.set(slot, labels)) this.topologyChanges++;
  }

  #internTaints(taints: readonly Taint[]): number {
    const key = JSON.stringify(taints.map(({ key, value = '', effect }) => [key, value, effect]));
    let id = this.#taintSetIds.get(key);
    if (id === undefined) {
      id = this.taintSets.push(taints) - 1;
      this.#taintSetIds.set(key, id);
      this.layout++;
    }
    return id;
  }

  #sortNodes(): void {
    const slots = [...this.#slots].sort(([left], [right]) => this.#order(left, right));
    for (const [position, [, slot]] of slots.entries()) this.#rank[slot] = position;
    this.#rankIsStale = false;
  }

  #grow(): void {
    this.#capacity *= 2;
    this.present = enlarged(this.present);
    this.ready = enlarged(this.ready);
    this.unschedulable = enlarged(this.unschedulable);
    this.givesVolumes = enlarged(this.givesVolumes);
    this.taintSet = enlarged(this.taintSet);
    this.generation = enlarged(this.generation);
    this.factsGeneration = enlarged(this.factsGeneration);
    this.#log = new Int32Array(changesKept(this.#capacity));
    this.#logTasks = [];
    this.#logStart = this.changes;
    this.layout++;
    this.#tasks = enlarged(this.#tasks);
    this.longLived = enlarged(this.longLived);
    this.shortLived = enlarged(this.shortLived);
    this.#rank = enlarged(this.#rank);
    for (const columns of this.#resources.values()) columns.grow();
    for (const topology of this.#topologies.values()) topology.grow();
  }
}
