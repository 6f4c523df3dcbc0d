/**
 * Limits how many requests are in flight, so that overload is an answer and not a crash. Reads and writes
 * have a lane each; heartbeats and elections have their own, so that load never looks like dead nodes.
 * Watches and logs are long-lived and are not counted.
 */
import { ApiError } from '../meta/api-error.ts';
import type { Metrics } from './metrics.ts';

export type Lane = 'read' | 'write' | 'system';

const limits: Record<Lane, number> = { read: 400, write: 200, system: 400 };
const retryAfterSeconds = 1;

export class InFlightLimits {
  readonly #inFlight: Record<Lane, number> = { read: 0, write: 0, system: 0 };
  readonly #metrics: Metrics;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  /** Throws ApiError TooManyRequests when the lane is full. */
  async run<T>(lane: Lane, act: () => Promise<T>): Promise<T> {
    if (this.#inFlight[lane] >= limits[lane]) {
      this.#metrics.rejected(lane);
      throw new ApiError('TooManyRequests', `too many ${lane} requests in flight, please try again later`, {
        retryAfterSeconds,
      });
    }
    this.#inFlight[lane]++;
    try {
      return await act();
    } finally {
      this.#inFlight[lane]--;
    }
  }
}
