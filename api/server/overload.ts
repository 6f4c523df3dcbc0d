/**
 * Limits how many requests are in flight, so that overload is an answer and not a crash. Reads and writes
 * have a lane each; heartbeats and elections have their own, so that load never looks like dead nodes.
 * Watches and logs are long-lived and are not counted.
 *
 * Invariant: nobody has more of a lane than was left free when they came (dynamic thresholds: Choudhury and
 * Hahne, 1998). One user gets half of an empty lane, n greedy ones get 1/(n + 1) each, and as much stays
 * free for whoever comes next.
 */
import { ApiError } from '../meta/api-error.ts';
import type { Metrics } from './metrics.ts';

export type Lane = 'read' | 'write' | 'system';

const limits: Record<Lane, number> = { read: 400, write: 200, system: 400 };
const retryAfterSeconds = 1;

export class InFlightLimits {
  readonly #lanes: Record<Lane, LaneUse> = {
    read: new LaneUse(),
    write: new LaneUse(),
    system: new LaneUse(),
  };
  readonly #metrics: Metrics;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    metrics.observeInFlight(() => Object.entries(this.#lanes).map(([lane, { total }]) => [lane, total]));
  }

  /** Throws ApiError TooManyRequests when the lane is full, or `user` has enough of it. */
  async run<T>({ lane, user }: { lane: Lane; user: string }, act: () => Promise<T>): Promise<T> {
    const use = this.#lanes[lane];
    const free = limits[lane] - use.total;
    if (free <= 0) throw this.#refusal(lane, 'full', `too many ${lane} requests in flight`);
    // Leases of every component are behind one another's lives: in that lane nobody is held to a share.
    if (lane !== 'system' && use.of(user) >= free)
      throw this.#refusal(lane, 'share', `too many ${lane} requests of this user in flight`);
    use.add(user);
    try {
      return await act();
    } finally {
      use.remove(user);
    }
  }

  #refusal(lane: Lane, reason: 'full' | 'share', message: string): ApiError {
    this.#metrics.rejected(lane, reason);
    return new ApiError('TooManyRequests', `${message}, please try again later`, { retryAfterSeconds });
  }
}

class LaneUse {
  total = 0;
  readonly #byUser = new Map<string, number>();

  of(user: string): number {
    return this.#byUser.get(user) ?? 0;
  }

  add(user: string): void {
    this.total++;
    this.#byUser.set(user, this.of(user) + 1);
  }

  remove(user: string): void {
    this.total--;
    const left = this.of(user) - 1;
    if (left > 0) this.#byUser.set(user, left);
    else this.#byUser.delete(user);
  }
}
