/**
 * Places where it adds least to expected fragmentation, or takes most from it (FGD, fragmentation gradient
 * descent, Weng et al., USENIX ATC'23): GPUs go to tasks that leave the rest usable for those to be expected,
 * and tasks without GPU keep off the cpu that free GPUs need. Expected is what the cell has (gpu-demand.ts).
 *
 * A node where the placing changes nothing scores 50; where a whole GPU becomes useless to everybody 26. The whole
 * part of the score is the gradient's; the fraction, which breaks ties, is 0 for tasks with GPUs (the first node by
 * name fills up, the others stay whole) and for those without higher where fewer GPUs wait for tasks, then where the
 * fit is better (docs/design/0005).
 */
import { chooseDevices, gpuMilli, wholeDevice } from '../../../api/kinds/devices.ts';
import { ExpectedFragmentation, type TypicalTask } from '../expected-fragmentation.ts';
import type { GpuDemand } from '../gpu-demand.ts';
import type { Plugin } from '../plugin.ts';
import type { SchedulingTask } from '../scheduling-task.ts';
import type { ResourceColumns, Snapshot } from '../snapshot.ts';
import { bestFit, type Packed } from './best-fit.ts';
import { admitsByAffinity } from './node-affinity.ts';

interface Typical extends TypicalTask {
  admits: (slot: number) => boolean;
}

interface ScoreState {
  cpuMilli: number;
  milli: number;
  cpu: ResourceColumns | undefined;
  fit: Packed[];
  typicals: readonly Typical[];
  /** By which of the typical tasks can come; and by slot, as of the facts of its node. */
  kinds: Map<string, ExpectedFragmentation>;
  bySlot: (ExpectedFragmentation | undefined)[];
  asOf: number[];
}

export const fragmentation = {
  name: 'Fragmentation',

  preScore({ requests }: Pick<SchedulingTask, 'requests'>, snapshot: Snapshot): ScoreState | undefined {
    const { gpuDemand } = snapshot;
    if (gpuDemand.length === 0) return undefined;
    return {
      cpuMilli: requests['cpu'] ?? 0,
      milli: requests[gpuMilli] ?? 0,
      cpu: snapshot.resource('cpu'),
      fit: bestFit.preScore({ requests }, snapshot),
      typicals: gpuDemand.map(({ demand, share }) => ({ ...typicalOf(demand, snapshot), share })),
      kinds: new Map(),
      bySlot: [],
      asOf: [],
    };
  },

  score(state, snapshot, scores) {
    for (let slot = 0; slot < snapshot.size; slot++) scores[slot] = scoreAt(state, snapshot, slot);
  },

  scoreSlot: scoreAt,
} satisfies Plugin<never, ScoreState>;

function typicalOf(demand: GpuDemand, snapshot: Snapshot): Omit<Typical, 'share'> {
  const { cpuMilli, milli } = demand;
  return {
    cpuMilli,
    gpus: Math.ceil(milli / wholeDevice),
    gpuMilli: Math.min(milli, wholeDevice),
    admits: admitsByAffinity(demand, snapshot),
  };
}

function scoreAt(state: ScoreState, snapshot: Snapshot, slot: number): number {
  const free = snapshot.deviceFree(slot);
  const left = leftOf(free, state.milli);
  if (left === undefined) return 0;
  const gradient = Math.floor(
    100 / (1 + Math.exp(grownAt(state, snapshot, { slot, free, left }) / wholeDevice)),
  );
  if (state.milli > 0) return gradient;
  const waiting = free.reduce((sum, milli) => sum + milli, 0) / wholeDevice;
  const fit = bestFit.scoreSlot(state.fit, snapshot, slot) / 100;
  return gradient + 1 / (2 + waiting + Math.max(0, 1 - fit));
}

interface Placing {
  slot: number;
  /** Of each device, before and after. */
  free: readonly number[];
  left: readonly number[];
}

/** By how many thousandths of a GPU the expected fragmentation of the node grows. */
function grownAt(state: ScoreState, snapshot: Snapshot, { slot, free, left }: Placing): number {
  if (free.length === 0) return 0;
  const expected = expectedAt(state, snapshot, slot);
  const cpuFree = state.cpu?.free[slot] ?? 0;
  return expected.of(cpuFree - state.cpuMilli, left) - expected.of(cpuFree, free);
}

/** Undefined: the devices would not do. */
function leftOf(free: readonly number[], milli: number): readonly number[] | undefined {
  if (milli === 0) return free;
  const chosen = chooseDevices(free, milli);
  if (!chosen) return undefined;
  const left = [...free];
  for (const device of chosen) left[device]! -= Math.min(milli, wholeDevice);
  return left;
}

function expectedAt(state: ScoreState, { factsGeneration }: Snapshot, slot: number): ExpectedFragmentation {
  const { typicals, kinds, bySlot, asOf } = state;
  const known = bySlot[slot];
  if (known && asOf[slot] === factsGeneration[slot]) return known;
  let key = '';
  for (const { admits } of typicals) key += admits(slot) ? '1' : '0';
  let expected = kinds.get(key);
  if (!expected) {
    expected = new ExpectedFragmentation(typicals.filter((_, at) => key[at] === '1'));
    kinds.set(key, expected);
  }
  bySlot[slot] = expected;
  asOf[slot] = factsGeneration[slot]!;
  return expected;
}
