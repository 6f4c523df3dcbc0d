/** Scores that mean something only beside those of the other feasible nodes: from raw to 0 … 100 (kube-scheduler's NormalizeScore). */
import { feasible, type Plugin, type ScoreBounds } from '../plugin.ts';
import type { Snapshot } from '../snapshot.ts';

type Normalizing<State> = Required<Pick<Plugin<never, State>, 'scoreSlot' | 'normalize'>>;

interface Columns {
  snapshot: Snapshot;
  scores: Float64Array;
  verdicts: Uint8Array;
}

export function fillNormalized<State>(
  plugin: Normalizing<State>,
  state: State,
  { snapshot, scores, verdicts }: Columns,
): void {
  const bounds = noBounds();
  for (let slot = 0; slot < snapshot.size; slot++) {
    if (verdicts[slot] !== feasible) continue;
    scores[slot] = plugin.scoreSlot(state, snapshot, slot);
    widen(bounds, scores[slot]!);
  }
  for (let slot = 0; slot < snapshot.size; slot++)
    if (verdicts[slot] === feasible) scores[slot] = plugin.normalize(scores[slot]!, bounds);
}

export function noBounds(): ScoreBounds {
  return { least: Number.POSITIVE_INFINITY, most: Number.NEGATIVE_INFINITY };
}

/** NaN is no score. */
export function widen(bounds: ScoreBounds, raw: number): void {
  if (raw < bounds.least) bounds.least = raw;
  if (raw > bounds.most) bounds.most = raw;
}
