/** Load at an even rate, whatever the answers take. */
import { sleep, systemClock } from '../api/meta/clock.ts';

export interface Pace {
  perSecond: number;
  seconds: number;
  /** Calls under way at most: a server that does not keep up is not buried. */
  inFlight: number;
}

/** Calls `act` at an even rate, as far as it keeps up. Resolves, when all have ended, with how many there were. */
export async function paced(
  { perSecond, seconds, inFlight }: Pace,
  act: (index: number) => Promise<unknown>,
): Promise<number> {
  const startMs = performance.now();
  const underWay = new Set<Promise<unknown>>();
  let calls = 0;
  for (let elapsedMs = 0; elapsedMs < seconds * 1000; elapsedMs = performance.now() - startMs) {
    while (calls < (elapsedMs / 1000) * perSecond && underWay.size < inFlight) {
      const call = act(calls++).finally(() => underWay.delete(call));
      underWay.add(call);
    }
    await sleep(systemClock, 5);
  }
  await Promise.all(underWay);
  return calls;
}
