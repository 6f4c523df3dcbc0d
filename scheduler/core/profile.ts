/**
 * Which plugins decide for the tasks of one schedulerName, grouped by extension point, with the working
 * memory of their decisions: columns that are reused from decision to decision.
 *
 * Invariant: everything a decision depends on is in the profile's plugins, the snapshot and the task.
 */
import { ApiError } from '../../api/meta/api-error.ts';
import { type Plugin, pointsWithoutRunner } from './plugin.ts';
import { balancedAllocation } from './plugins/balanced-allocation.ts';
import { bestFit } from './plugins/best-fit.ts';
import { crashAvoidance } from './plugins/crash-avoidance.ts';
import { domainSpreading } from './plugins/domain-spreading.ts';
import { fragmentation } from './plugins/fragmentation.ts';
import { imageLocality } from './plugins/image-locality.ts';
import { interTaskAffinity } from './plugins/inter-task-affinity.ts';
import { jobSpreading } from './plugins/job-spreading.ts';
import { leastAllocated } from './plugins/least-allocated.ts';
import { lifeSegregation } from './plugins/life-segregation.ts';
import { nodeAffinity } from './plugins/node-affinity.ts';
import { nodeDevices } from './plugins/node-devices.ts';
import { nodePorts } from './plugins/node-ports.ts';
import { nodeReady } from './plugins/node-ready.ts';
import { nodeResourcesFit } from './plugins/node-resources-fit.ts';
import { nodeUnschedulable } from './plugins/node-unschedulable.ts';
import { prioritySort } from './plugins/priority-sort.ts';
import { stranding } from './plugins/stranding.ts';
import { taintToleration } from './plugins/taint-toleration.ts';
import { topologySpread } from './plugins/topology-spread.ts';
import { volumeBinding } from './plugins/volume-binding.ts';
import type { SchedulingTask } from './scheduling-task.ts';

export type QueueSort = Plugin & Required<Pick<Plugin, 'queueSort'>>;
export type Filter = Plugin & Required<Pick<Plugin, 'preFilter' | 'filter' | 'explain'>>;
export type Scorer = Plugin & Required<Pick<Plugin, 'preScore' | 'score'>>;
export type SlotFilter = Filter & Required<Pick<Plugin, 'admits'>>;
export type SlotScorer = Scorer & Required<Pick<Plugin, 'scoreSlot'>>;

export interface PluginEntry {
  plugin: Plugin;
  /** What its score counts beside the others'; default 1. */
  weight?: number;
  /** Its unrounded score decides between nodes of equal total; of several the first that has a say, then best fit. */
  breaksTies?: boolean;
  /** Where it has a say, the scorer of this name has none; that one stands further down. */
  insteadOf?: string;
}

export interface WeightedScorer {
  plugin: Scorer;
  weight: number;
  insteadOf?: string;
  /** Its scores in the decision under way, by slot. */
  column: Float64Array;
}

export interface SlotForms {
  filters: readonly SlotFilter[];
  scorers: readonly { plugin: SlotScorer; weight: number; insteadOf?: string }[];
}

/** In the order they are asked: cheap and telling filters first. Weights as in kube-scheduler. */
export const defaultPlugins: readonly PluginEntry[] = [
  { plugin: prioritySort },
  { plugin: nodeUnschedulable },
  { plugin: nodeReady },
  { plugin: taintToleration, weight: 3 },
  { plugin: nodeAffinity, weight: 2 },
  { plugin: nodePorts },
  { plugin: nodeResourcesFit },
  { plugin: nodeDevices },
  { plugin: volumeBinding },
  { plugin: topologySpread, weight: 2 },
  { plugin: interTaskAffinity, weight: 2 },
  { plugin: imageLocality },
  { plugin: jobSpreading, weight: 2 },
  { plugin: domainSpreading },
  { plugin: crashAvoidance, weight: 10 },
  { plugin: fragmentation, breaksTies: true, insteadOf: bestFit.name },
  { plugin: bestFit },
];

const withoutPacking = defaultPlugins.filter(({ plugin }) => plugin !== bestFit && plugin !== fragmentation);

/** For services that want air rather than whole nodes left over: empties before full ones, cpu and memory in step. */
export const spreadingPlugins: readonly PluginEntry[] = [
  ...withoutPacking,
  { plugin: leastAllocated, breaksTies: true },
  { plugin: balancedAllocation },
];

/** Borg's hybrid: full nodes, and on each as little left of one resource as of the others. */
export const hybridPlugins: readonly PluginEntry[] = [...defaultPlugins, { plugin: stranding, weight: 2 }];

/** Services apart from batch work, for cells that grow and shrink. */
export const segregatingPlugins: readonly PluginEntry[] = [
  ...defaultPlugins,
  { plugin: lifeSegregation, weight: 2 },
];

/** Best fit for all, GPUs or not. */
export const bestFitPlugins: readonly PluginEntry[] = [...withoutPacking, { plugin: bestFit }];

/** By the name a scheduler process is told. */
export const pluginSets: ReadonlyMap<string, readonly PluginEntry[]> = new Map([
  ['pack', defaultPlugins],
  ['spread', spreadingPlugins],
  ['hybrid', hybridPlugins],
  ['segregate', segregatingPlugins],
  ['best-fit', bestFitPlugins],
]);

/** A filter's mark must stay below `absent`. */
const maxFilters = 254;

export class Profile {
  readonly plugins: readonly Plugin[];
  readonly queueSort: QueueSort['queueSort'];
  readonly filters: readonly Filter[];
  readonly scorers: readonly WeightedScorer[];
  /** Names of scorers whose unrounded score decides between nodes of equal total: the first that has a say. */
  readonly tieBreakers: readonly string[];
  /** The same filters and scorers, when all of them answer for one node at a time; undefined otherwise. */
  readonly slotForms: SlotForms | undefined;
  /** Of the decision under way, by slot: what the filters said, and the weighted sum of the scores. */
  verdicts = new Uint8Array(0);
  totals = new Float64Array(0);

  constructor(entries: readonly PluginEntry[] = defaultPlugins) {
    for (const { plugin } of entries) refuseUnknownPoints(plugin);
    const plugins = entries.map(({ plugin }) => plugin);
    this.plugins = plugins;
    const [sort, ...more] = plugins.filter(isQueueSort);
    if (!sort || more.length > 0)
      throw new ApiError('Invalid', 'a profile needs exactly one plugin with queueSort');
    this.queueSort = (left, right) => sort.queueSort(left, right);
    this.filters = plugins.filter(isFilter);
    if (this.filters.length > maxFilters)
      throw new ApiError('Invalid', `a profile may have at most ${maxFilters} filters`);
    this.scorers = entries.flatMap(({ plugin, weight = 1, insteadOf }) =>
      isScorer(plugin)
        ? [{ plugin, weight, column: new Float64Array(0), ...(insteadOf ? { insteadOf } : {}) }]
        : [],
    );
    const named = entries.filter(({ breaksTies }) => breaksTies);
    this.tieBreakers = [...named, { plugin: bestFit }].map(({ plugin }) => plugin.name);
    this.slotForms = slotFormsOf(this);
  }

  /** The task with a signature that covers all the plugins read. */
  sign(task: SchedulingTask): SchedulingTask {
    if (!this.plugins.some(({ readsTaskLabels }) => readsTaskLabels)) return task;
    return { ...task, signature: `${task.signature}\n${task.identity.key}` };
  }

  /** Makes the working memory large enough for a cluster of that size. */
  prepare(size: number): void {
    if (size <= this.verdicts.length) return;
    this.verdicts = new Uint8Array(size * 2);
    this.totals = new Float64Array(size * 2);
    for (const scorer of this.scorers) scorer.column = new Float64Array(size * 2);
  }
}

/** Of scorers that have something to say, in the profile's order: those that are heard. */
export function heard<T extends Pick<WeightedScorer, 'insteadOf'> & { plugin: Plugin }>(
  willing: readonly T[],
): readonly T[] {
  const replaced = willing.flatMap(({ insteadOf = [] }) => insteadOf);
  return replaced.length === 0 ? willing : willing.filter(({ plugin }) => !replaced.includes(plugin.name));
}

/** Of scorers that are heard: whose unrounded score decides between nodes of equal total. */
export function tieBreakerOf<T extends { plugin: Plugin }>(
  tieBreakers: readonly string[],
  scorers: readonly T[],
): T | undefined {
  const name = tieBreakers.find((one) => scorers.some(({ plugin }) => plugin.name === one));
  return scorers.find(({ plugin }) => plugin.name === name);
}

function isQueueSort(plugin: Plugin): plugin is QueueSort {
  return plugin.queueSort !== undefined;
}

function isFilter(plugin: Plugin): plugin is Filter {
  return plugin.filter !== undefined && plugin.preFilter !== undefined && plugin.explain !== undefined;
}

function isScorer(plugin: Plugin): plugin is Scorer {
  return plugin.score !== undefined && plugin.preScore !== undefined;
}

/** Sums of whole numbers do not depend on their order; with others nothing is kept from task to task. */
function slotFormsOf({ filters, scorers }: Pick<Profile, 'filters' | 'scorers'>): SlotForms | undefined {
  const ownFilters = filters.filter((plugin): plugin is SlotFilter => plugin.admits !== undefined);
  const ownScorers = scorers.flatMap((scorer) => {
    const { plugin, weight } = scorer;
    return isSlotScorer(plugin) && Number.isInteger(weight) && weight >= 0 ? [{ ...scorer, plugin }] : [];
  });
  const isComplete = ownFilters.length === filters.length && ownScorers.length === scorers.length;
  return isComplete ? { filters: ownFilters, scorers: ownScorers } : undefined;
}

function isSlotScorer(plugin: Scorer): plugin is SlotScorer {
  return plugin.scoreSlot !== undefined;
}

function refuseUnknownPoints(plugin: Plugin): void {
  const point = pointsWithoutRunner.find((name) => plugin[name] !== undefined);
  if (point) throw new ApiError('Invalid', `plugin ${plugin.name}: nothing calls ${point} yet`);
}
