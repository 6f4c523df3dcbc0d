/**
 * Which pressure a node is under, and which task has to go. Pure: observations and memory in, a decision and
 * the next memory out.
 *
 * The order is kubelet's with Borg's bands before it: the lowest band first (best-effort, batch, production,
 * monitoring); in a band those over their request, then the lower priority, then who is furthest over.
 * One task at a time: the next goes only when the last one has ended and it was not enough.
 */
import { bandOf, bands } from '../../api/kinds/priority-bands.ts';
import { formatBytes } from '../../api/meta/quantity.ts';
import { amountOf, amountText, type Signal, type Threshold } from './thresholds.ts';

/** How much of what a signal is about is left, of how much. */
export interface Observation {
  available: number;
  capacity: number;
}

export interface Candidate {
  uid: string;
  priority: number;
  requestedMemoryBytes: number;
  memoryBytes: number;
  requestedDiskBytes: number;
  diskBytes: number;
  inodes: number;
  processes: number;
}

/** What is remembered from one look to the next. */
export interface Memory {
  /** Since when each threshold has been met, by its text. */
  since: ReadonlyMap<string, number>;
  /** When each condition was last seen. */
  lastSeen: ReadonlyMap<Pressure, number>;
}

export type Pressure = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure';

export interface Verdict {
  uid: string;
  /** 0: a hard threshold. Undefined: the task's own. */
  graceSeconds: 0 | undefined;
  message: string;
}

export interface Decision {
  memory: Memory;
  /** With why, for people. */
  pressures: Map<Pressure, string>;
  /** Room may be made without touching a task: that is tried first. */
  reclaimDisk: boolean;
  evict?: Verdict;
}

export interface EvictionView {
  observations: Partial<Record<Signal, Observation>>;
  thresholds: readonly Threshold[];
  tasks: readonly Candidate[];
  /** A task told to go has not ended yet. */
  isEnding: boolean;
  /** Disk has been made free as far as that goes without tasks. */
  isDiskReclaimed: boolean;
  /** How long a condition is kept after it was last seen: it must not flap. */
  transitionMs: number;
  nowMs: number;
}

export const noMemory: Memory = { since: new Map(), lastSeen: new Map() };

const pressureOf: Record<Signal, Pressure> = {
  'memory.available': 'MemoryPressure',
  'nodefs.available': 'DiskPressure',
  'nodefs.inodesFree': 'DiskPressure',
  'imagefs.available': 'DiskPressure',
  'pid.available': 'PIDPressure',
};
/** What is looked after first when several run out. */
const urgency: readonly Signal[] = [
  'memory.available',
  'nodefs.available',
  'imagefs.available',
  'nodefs.inodesFree',
  'pid.available',
];

export function decideEviction(view: EvictionView, before: Memory): Decision {
  const { thresholds, nowMs, transitionMs } = view;
  const met = thresholds.filter((threshold) => isMet(threshold, view, before));
  const since = new Map(
    met.map((threshold) => [keyOf(threshold), before.since.get(keyOf(threshold)) ?? nowMs]),
  );
  const due = met.filter(({ graceMs = 0, ...rest }) => nowMs - (since.get(keyOf(rest)) ?? nowMs) >= graceMs);
  const lastSeen = new Map(before.lastSeen);
  for (const { signal } of due) lastSeen.set(pressureOf[signal], nowMs);
  for (const [pressure, seenMs] of lastSeen) if (nowMs - seenMs > transitionMs) lastSeen.delete(pressure);
  const pressures = new Map(
    [...lastSeen.keys()].map((pressure) => [pressure, reasonFor(pressure, due, view)]),
  );
  return { memory: { since, lastSeen }, pressures, ...action(due, view) };
}

/** Once met, until as much more is free as is to be reclaimed. */
function isMet(threshold: Threshold, { observations }: EvictionView, before: Memory): boolean {
  const observed = observations[threshold.signal];
  if (!observed) return false;
  const wasMet = before.since.has(keyOf(threshold));
  const more = wasMet && threshold.minReclaim ? amountOf(threshold.minReclaim, observed.capacity) : 0;
  return observed.available < amountOf(threshold.less, observed.capacity) + more;
}

function action(due: readonly Threshold[], view: EvictionView): Pick<Decision, 'reclaimDisk' | 'evict'> {
  const isDisk = ({ signal }: Threshold): boolean => pressureOf[signal] === 'DiskPressure';
  const reclaimDisk = due.some(isDisk) && !view.isDiskReclaimed;
  const ready = due.filter((threshold) => !(isDisk(threshold) && reclaimDisk));
  // A hard threshold of one signal says more than a soft one of the same.
  const worst = [...ready].sort(
    (a, b) =>
      urgency.indexOf(a.signal) - urgency.indexOf(b.signal) ||
      Number(a.graceMs !== undefined) - Number(b.graceMs !== undefined),
  )[0];
  const victim = worst && !view.isEnding ? rank(view.tasks, worst.signal)[0] : undefined;
  if (!worst || !victim) return { reclaimDisk };
  const graceSeconds = worst.graceMs === undefined ? 0 : undefined;
  const message = `${lack(worst, view)}; the task used ${usedText(victim, worst.signal)}`;
  return { reclaimDisk, evict: { uid: victim.uid, graceSeconds, message } };
}

/** First to go first. */
export function rank(tasks: readonly Candidate[], signal: Signal): Candidate[] {
  const [used, requested] = measures[signal];
  const over = (task: Candidate): number => used(task) - requested(task);
  const bandRank = ({ priority }: Candidate): number =>
    bands.findIndex(({ name }) => name === bandOf(priority));
  return [...tasks].sort(
    (a, b) =>
      bandRank(b) - bandRank(a) ||
      Number(over(b) > 0) - Number(over(a) > 0) ||
      a.priority - b.priority ||
      over(b) - over(a) ||
      (a.uid < b.uid ? -1 : 1),
  );
}

type Measure = (task: Candidate) => number;
const disk: [Measure, Measure] = [
  ({ diskBytes }) => diskBytes,
  ({ requestedDiskBytes }) => requestedDiskBytes,
];
/** What a task uses of it, and what of that it has asked for. */
const measures: Record<Signal, [Measure, Measure]> = {
  'memory.available': [({ memoryBytes }) => memoryBytes, ({ requestedMemoryBytes }) => requestedMemoryBytes],
  'nodefs.available': disk,
  'imagefs.available': disk,
  'nodefs.inodesFree': [({ inodes }) => inodes, () => 0],
  'pid.available': [({ processes }) => processes, () => 0],
};

function reasonFor(pressure: Pressure, due: readonly Threshold[], view: EvictionView): string {
  const now = due.find(({ signal }) => pressureOf[signal] === pressure);
  return now ? lack(now, view) : 'there was too little a moment ago';
}

/** `memory.available is 12Mi, less than 100Mi`. */
function lack({ signal, less }: Threshold, { observations }: EvictionView): string {
  const available = observations[signal]?.available ?? 0;
  const limit = 'units' in less ? inUnits(signal, less.units) : amountText(less);
  return `the node was low on ${signal}: ${inUnits(signal, available)} is left, less than ${limit}`;
}

function usedText(task: Candidate, signal: Signal): string {
  const [used, requested] = measures[signal];
  return `${inUnits(signal, used(task))} and had requested ${inUnits(signal, requested(task))}`;
}

const kibibyte = 1024;

function inUnits(signal: Signal, amount: number): string {
  if (signal === 'pid.available' || signal === 'nodefs.inodesFree') return `${Math.floor(amount)}`;
  return formatBytes(Math.floor(amount / kibibyte) * kibibyte);
}

function keyOf({ signal, less }: Pick<Threshold, 'signal' | 'less'>): string {
  return `${signal}<${amountText(less)}`;
}
