/** Waiting in tests, on the virtual clock: time moves in small steps until something holds. */
import type { VirtualClock } from '../../api/meta/clock.ts';

export interface UntilOptions {
  /** Give up after so much virtual time; default 60 s. */
  limitMs?: number;
  /** Step of the clock; default 10 ms. */
  stepMs?: number;
}

/** Moves time until `condition` gives something truthy; throws when it still does not after `limitMs`. */
export async function until<T>(
  clock: VirtualClock,
  condition: () => T | Promise<T>,
  { limitMs = 60_000, stepMs = 10 }: UntilOptions = {},
): Promise<NonNullable<T>> {
  const giveUpMs = clock.monotonicMs() + limitMs;
  for (;;) {
    const held = await condition();
    if (held) return held;
    if (clock.monotonicMs() >= giveUpMs) throw new Error(`not within ${limitMs} ms: ${condition}`);
    await clock.advance(stepMs);
  }
}

/** Moves time until all `parts` (runtimes, queues) have had nothing to do for `quietMs`; default 200 ms. */
export async function settle(
  clock: VirtualClock,
  parts: readonly { readonly idle: boolean }[],
  { quietMs = 200, ...options }: UntilOptions & { quietMs?: number } = {},
): Promise<void> {
  let quietSinceMs = clock.monotonicMs();
  await until(
    clock,
    () => {
      if (!parts.every(({ idle }) => idle)) quietSinceMs = clock.monotonicMs();
      return clock.monotonicMs() - quietSinceMs >= quietMs;
    },
    options,
  );
}
