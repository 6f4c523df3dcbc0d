/**
 * The plugin interface: kube-scheduler's extension points, in the order a task passes them. A plugin has a
 * name and implements any of them; `Profile` (profile.ts) collects the plugins of each point, and
 * `scheduleTask` (schedule.ts) calls them.
 *
 * Plugins work by columns, not node by node: a filter gets the verdicts of all nodes and marks those it
 * refuses; a scorer fills in the scores of all nodes. Plugins are pure: no clock, no randomness, no I/O.
 *
 * With `admits` and `scoreSlot` a plugin also answers for one node at a time, so that decisions of like
 * tasks are kept and only what changed is looked at again (class-index.ts). These two may depend on nothing
 * but the one node and what the task's signature covers (with `ledgerOf`: and sums over domains). A profile with a plugin that lacks them looks at
 * all nodes for every task: slower, and the same decisions.
 *
 * To add a call to an extension point that has none yet: collect its plugins in Profile, call them at
 * their place in scheduleTask (core points) or scheduler.ts (points around the bind), and take the point
 * out of `pointsWithoutRunner`.
 */
import type { Task } from '../../api/kinds/task.ts';
import type { DomainLedger } from './domain-ledger.ts';
import type { NodeChange } from './node-facts.ts';
import type { SchedulingTask } from './scheduling-task.ts';
import type { Snapshot } from './snapshot.ts';
import type { TaskIdentity } from './task-identity.ts';
import type { Topology } from './topology.ts';

/** Verdict on a node nobody refused so far. */
export const feasible = 0;
/** Verdict on a slot without a node. */
export const absent = 255;

/** Where filters leave their marks; the mark of a plugin is its position among the filters plus 1. */
export interface Verdicts {
  /** By slot: `feasible`, `absent`, or the mark of the first filter that refused the node. */
  readonly column: Uint8Array;
  /** The mark of the filter being called. It overwrites nothing but `feasible`. */
  readonly mark: number;
}

/** Why one filter refuses one node. */
export interface Rejection {
  /** Follows a count of nodes: "insufficient cpu", "cordoned". */
  reason: string;
  /** For a lack of some resource: how much. */
  shortage?: Shortage;
}

/** Amounts in units of the resource (cpu in milli, everything else whole). */
export interface Shortage {
  resource: string;
  missing: number;
  requested: number;
  allocatable: number;
}

/** A demand of a task that could be dropped. */
export interface Relaxation {
  /** Which field, in one word. */
  kind: string;
  /** `if the required node affinity were dropped`. */
  text: string;
  change: (spec: Task['spec']) => Partial<Task['spec']>;
}

/** The lowest and the highest raw score of the feasible nodes; NaN is no score. */
export interface ScoreBounds {
  least: number;
  most: number;
}

/** Something happened that may help waiting tasks. */
export type ClusterEvent =
  | SlotEvent
  /** Of tasks that use it; undefined: of all that use any. */
  | { type: 'ClaimChanged'; claim: string | undefined };

/** It happened to a node, or on one. */
export type SlotEvent =
  | { type: 'NodeAdded'; slot: number }
  | { type: 'NodeChanged'; slot: number; changes: ReadonlySet<NodeChange> }
  | { type: 'NodeRemoved'; slot: number }
  /** `identity` absent: whose it was is not known. */
  | { type: 'TaskReleased'; slot: number; identity?: TaskIdentity }
  | { type: 'TaskPlaced'; slot: number; identity: TaskIdentity };

/** The states are what a plugin works out once per task; undefined means it has no say in this task. */
export interface Plugin<FilterState = unknown, ScoreState = unknown> {
  readonly name: string;
  /** `admits` and `scoreSlot` read only facts of the node itself, not what tasks hold of it. */
  readonly readsNodeFactsOnly?: boolean;
  /** It looks at labels of tasks, which signatures leave out: tasks of unlike labels are unlike then. */
  readonly readsTaskLabels?: boolean;
  /** Its answer for a node hangs on other nodes as well: `ledgerOf` belongs to it. */
  readonly readsOtherNodes?: boolean;

  /** May the task be queued at all? Gives the reason why not. */
  preEnqueue?(task: SchedulingTask): string | undefined;
  /** Which waiting task goes first (as Array.sort). Exactly one plugin of a profile has it. */
  queueSort?(left: SchedulingTask, right: SchedulingTask): number;

  preFilter?(task: SchedulingTask, snapshot: Snapshot): FilterState | undefined;
  /** Marks the nodes the task cannot run on. Called with the state of `preFilter`. */
  filter?(state: FilterState, snapshot: Snapshot, verdicts: Verdicts): void;
  /** `filter` for one slot: true where it leaves the node alone. */
  admits?(state: FilterState, snapshot: Snapshot, slot: number): boolean;
  /** Every reason why `filter` refuses that node, at least one. Belongs to `filter`. */
  explain?(state: FilterState, snapshot: Snapshot, slot: number): Rejection[];
  /** What the task could do without to please this plugin; guesses, to be tried. */
  relax?(task: Task, snapshot: Snapshot, asked: SchedulingTask): Relaxation[];
  /** Could this event make nodes acceptable that `filter` refused? (KEP-4247, QueueingHint.) Absent: always. */
  hint?(event: SlotEvent, task: SchedulingTask, snapshot: Snapshot): boolean;
  /** No node is feasible: makes one so (preemption), giving its slot. */
  postFilter?(task: SchedulingTask, snapshot: Snapshot, verdicts: Uint8Array): number | undefined;

  /** What `score` needs to know; `verdicts` tells which nodes are feasible. */
  preScore?(task: SchedulingTask, snapshot: Snapshot, verdicts: Uint8Array): ScoreState | undefined;
  /** Fills in 0 (worst) to 100 (best) for the feasible slots; the others do not matter. */
  score?(state: ScoreState, snapshot: Snapshot, scores: Float64Array): void;
  /** `score` for one slot, to the last bit. */
  scoreSlot?(state: ScoreState, snapshot: Snapshot, slot: number): number;
  /** With it, `scoreSlot` gives raw scores, and this what they come to beside those of the other feasible nodes. */
  normalize?(raw: number, bounds: ScoreBounds): number;
  /**
   * For plugins that read other nodes: what they know of domains, kept up to date while the state is kept.
   * Slots of one part (`partOf`) then get the same answer of `admits` and of `scoreSlot`.
   */
  ledgerOf?(state: FilterState | ScoreState): DomainLedger;
  /**
   * Of a scorer whose state is not the same for all tasks of a signature (it counts the task's own job):
   * the slots that may score less than 100, as keys. All others score 100, none more.
   */
  exceptions?(state: ScoreState): ReadonlyMap<number, unknown>;
  /** Of another such scorer: topologies such that slots in the same domains of all of them score the same. */
  domainsFor?(task: SchedulingTask, snapshot: Snapshot): readonly Topology[];

  /** Books what the plugin keeps for the task before the bind; `unreserve` undoes it when the bind fails. */
  reserve?(task: SchedulingTask, node: string): void;
  unreserve?(task: SchedulingTask, node: string): void;
  /** Holds the task back until what it waits for is there (the rest of its gang). */
  permit?(task: SchedulingTask, node: string): 'go' | 'wait';
  preBind?(task: SchedulingTask, node: string): Promise<void>;
  /** Binds in place of the scheduler's own bulk bind. */
  bind?(task: SchedulingTask, node: string): Promise<void>;
  postBind?(task: SchedulingTask, node: string): void;
}

export type ExtensionPoint = Exclude<
  keyof Plugin,
  'name' | 'readsNodeFactsOnly' | 'readsOtherNodes' | 'readsTaskLabels'
>;

/** Extension points nothing implements yet; a profile refuses a plugin that has one, rather than ignore it. */
export const pointsWithoutRunner: readonly ExtensionPoint[] = [
  'preEnqueue',
  'postFilter',
  'reserve',
  'unreserve',
  'permit',
  'preBind',
  'bind',
  'postBind',
];
