/**
 * Scores utilisation along a curve of one's own, resource by resource (kube-scheduler's
 * RequestedToCapacityRatio): packs extended resources while it spreads cpu, say.
 */
import { ApiError } from '../../../api/meta/api-error.ts';
import type { Plugin } from '../plugin.ts';
import type { ResourceColumns } from '../snapshot.ts';

/** A corner of the curve: `utilization` in percent, `score` from 0 to 100. */
export interface ShapePoint {
  utilization: number;
  score: number;
}

export interface RatioOptions {
  /** Utilisation must grow from point to point; outside of them the curve is flat. */
  shape: readonly ShapePoint[];
  /** Weight by resource; default cpu and memory, 1 each. */
  resources?: Readonly<Record<string, number>>;
}

interface Weighed {
  weight: number;
  amount: number;
  columns: ResourceColumns | undefined;
}

export function requestedToCapacityRatio({ shape, resources = { cpu: 1, memory: 1 } }: RatioOptions) {
  refuseBadShape(shape);
  const scoreOf = (weighed: readonly Weighed[], slot: number): number => {
    let sum = 0;
    let weights = 0;
    for (const { weight, amount, columns } of weighed) {
      // Whole numbers all the way, as in kube-scheduler.
      const score = Math.trunc(onCurve(shape, utilization(columns, amount, slot)));
      // As in kube-scheduler, a resource that scores nothing has no say.
      if (score <= 0) continue;
      sum += weight * score;
      weights += weight;
    }
    return weights === 0 ? 0 : Math.round(sum / weights);
  };
  return {
    name: 'RequestedToCapacityRatio',

    preScore: ({ requests }, snapshot) =>
      Object.entries(resources).map(([resource, weight]) => ({
        weight,
        amount: requests[resource] ?? 0,
        columns: snapshot.resource(resource),
      })),

    score(weighed, { size }, scores) {
      for (let slot = 0; slot < size; slot++) scores[slot] = scoreOf(weighed, slot);
    },

    scoreSlot: (weighed, _snapshot, slot) => scoreOf(weighed, slot),
  } satisfies Plugin<never, Weighed[]>;
}

/** In whole percent; 100 where the node has none of it or too little. */
function utilization(columns: ResourceColumns | undefined, amount: number, slot: number): number {
  const allocatable = columns?.allocatable[slot] ?? 0;
  if (!columns || allocatable <= 0) return 100;
  return Math.trunc(Math.min(100, (100 * (columns.used[slot]! + amount)) / allocatable));
}

/** Piecewise linear. */
export function onCurve(shape: readonly ShapePoint[], at: number): number {
  const next = shape.findIndex(({ utilization }) => at <= utilization);
  const right = shape[next] ?? shape.at(-1);
  const left = next > 0 ? shape[next - 1] : right;
  if (!left || !right || left === right) return right?.score ?? 0;
  const part = (at - left.utilization) / (right.utilization - left.utilization);
  return left.score + part * (right.score - left.score);
}

function refuseBadShape(shape: readonly ShapePoint[]): void {
  if (shape.length === 0) throw new ApiError('Invalid', 'the shape needs at least one point');
  for (const [position, { utilization, score }] of shape.entries()) {
    if (!(utilization >= 0 && utilization <= 100))
      throw new ApiError('Invalid', `utilization ${utilization} is not between 0 and 100`);
    if (!(score >= 0 && score <= 100))
      throw new ApiError('Invalid', `score ${score} is not between 0 and 100`);
    if (position > 0 && utilization <= shape[position - 1]!.utilization)
      throw new ApiError('Invalid', `utilization ${utilization} does not grow from point to point`);
  }
}
