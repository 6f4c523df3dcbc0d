/**
 * What a decision may see of the cluster: the reading side of the node table.
 *
 * Nodes are rows, addressed by slot (0 ≤ slot < size); a fact about all nodes is a column, a typed array
 * indexed by slot. Plugins take the columns they need into constants and loop over them: no object is
 * touched and nothing is allocated per node. Slots of nodes that left are skipped by `verdict` (plugin.ts).
 */
import type { Taint } from '../../api/kinds/node.ts';
import type { Labels } from '../../api/meta/label-selector.ts';
import type { ClaimState } from './claim-table.ts';
import type { TypicalDemand } from './gpu-demand.ts';
import type { Presence, TaskChange } from './presence.ts';
import type { HeldTerm, TaskIdentity } from './task-identity.ts';
import type { Topology } from './topology.ts';

/** One resource on all nodes; cpu in milli, everything else in whole units. */
export interface ResourceColumns {
  readonly allocatable: Float64Array;
  /** Requests of all tasks on the node. */
  readonly used: Float64Array;
  /** allocatable − used; negative when the node shrank under its tasks. */
  readonly free: Float64Array;
  /** 1 / allocatable, 0 where there is nothing: spares the division in the loop. */
  readonly inverse: Float64Array;
}

export interface Snapshot {
  /** Slots to look at: all nodes are below it. */
  readonly size: number;
  /** Nodes there are. */
  readonly nodeCount: number;
  readonly names: readonly string[];
  readonly labels: readonly Labels[];
  /** 1 where there is a node. */
  readonly present: Uint8Array;
  readonly ready: Uint8Array;
  /** 1 where the node is cordoned. */
  readonly unschedulable: Uint8Array;
  /** 1 where volumes can be made for claims. */
  readonly givesVolumes: Uint8Array;
  /** Tasks on the node that live long, and those that do not. */
  readonly longLived: Int32Array;
  readonly shortLived: Int32Array;
  /** Index into `taintSets`: nodes with equal taints share one. */
  readonly taintSet: Int32Array;
  readonly taintSets: readonly (readonly Taint[])[];
  /** Counts all changes of all slots. */
  readonly changes: number;
  /** Number of the last change of that slot. */
  readonly generation: Float64Array;
  /** Number of the last change of the node itself, rather than of what tasks hold of it. */
  readonly factsGeneration: Float64Array;
  /** Grows when columns were replaced or added, or a taint set was: states of plugins made before are void. */
  readonly layout: number;
  /** Changes up to and including this number are no longer known one by one. */
  readonly forgottenChanges: number;
  /** Position of the node among all nodes in the scheduler's order of them. */
  readonly rank: Int32Array;
  /** Counts changes that may make room: nodes set, tasks gone. As long as it stands, what did not fit does not fit. */
  readonly reliefs: number;
  /** Which slot a change was of; `forgottenChanges` < number ≤ `changes`. */
  changedSlot(number: number): number;
  /** What that change was of the tasks there; undefined when it was of the node, or of nothing a reader of tasks counts. */
  taskChange(number: number): TaskChange | undefined;
  /** Undefined when no node offers or uses it. */
  resource(name: string): ResourceColumns | undefined;
  /** By slot: images the node has, and their bytes. */
  readonly imageBytes: readonly ReadonlyMap<string, number>[];
  /** How many attempts of a piece of work (`SchedulingTask.work`) failed on each slot that any failed on. */
  crashesOf(work: string): ReadonlyMap<number, number>;
  /** What is free of each of the node's GPUs, in thousandths. */
  deviceFree(slot: number): readonly number[];
  /** By `namespace/name` of the claim. */
  claim(key: string): ClaimState;
  /** What tasks with GPUs to expect; empty in a cell without. `layout` grows when it changes. */
  readonly gpuDemand: readonly TypicalDemand[];
  /** Slots on which a port (`TCP/8080`) is taken. */
  portHolders(port: string): Iterable<number>;
  isPortTaken(port: string, slot: number): boolean;
  /** How many tasks of a job (`namespace/name`) are on each slot that has any. */
  tasksOfJob(job: string): ReadonlyMap<number, number>;
  /** How many tasks of a job are in each domain that has any; -1 stands for nodes in none. */
  tasksOfJobIn(job: string, topology: Topology): ReadonlyMap<number, number>;
  /** Tasks on a slot, those of equal identity counted together. */
  tasksOn(slot: number): ReadonlyMap<TaskIdentity, Presence>;
  /** Affinity terms of tasks on nodes that select the task; a few objects, always in the same order. */
  termsSelecting(task: TaskIdentity): readonly HeldTerm[];
  topology(key: string): Topology;
  /** Counts nodes that came into, left or changed their domain: what was worked out over domains before is void. */
  readonly topologyChanges: number;
  /** Labels of the namespaces that are known. */
  readonly namespaces: ReadonlyMap<string, Labels>;
}
