/**
 * What one group has used lately: the last sample, the rate of cpu since the one before, and a bounded
 * window of both. Pure: samples in, numbers out.
 */
import type { GroupUsage } from '../cgroup/cgroups.ts';

/** A reading of a group's counters. */
export interface Sample {
  monotonicMs: number;
  /** Wall time, for people. */
  atMs: number;
  usage: GroupUsage;
}

/** The last sample, with the rate that led to it. */
export interface Measured extends Sample {
  /** Over `spanMs`; absent after a first sample without a beginning. */
  cpuMilli?: number;
  spanMs?: number;
}

/** What of the window is told. cpu in thousandths of a core, memory (working set) in bytes. */
export interface Quantiles {
  p50: Amounts;
  p95: Amounts;
  p99: Amounts;
  peak: Amounts;
  /** How long the window is so far. */
  windowMs: number;
}

export interface Amounts {
  cpuMilli: number;
  memoryBytes: number;
}

interface Point extends Amounts {
  monotonicMs: number;
}

const windowMs = 300_000;
/** Rates over less than this say more of the clock than of the task. */
const shortestSpanMs = 500;

export class UsageWindow {
  readonly #points: Point[] = [];
  #latest: Measured | undefined;

  /** `beganMs` (monotonic): when its cpu time was nothing, so that the first sample has a rate already. */
  constructor(beganMs?: number) {
    if (beganMs !== undefined) this.#latest = { monotonicMs: beganMs, atMs: 0, usage: nothing };
  }

  add(sample: Sample): void {
    const before = this.#latest;
    const spanMs = before ? sample.monotonicMs - before.monotonicMs : 0;
    if (!before || spanMs < shortestSpanMs) {
      this.#latest ??= sample;
      return;
    }
    const cpuMilli = Math.max(0, sample.usage.cpuNanos - before.usage.cpuNanos) / (spanMs * 1000);
    this.#latest = { ...sample, cpuMilli, spanMs };
    this.#points.push({
      cpuMilli,
      memoryBytes: sample.usage.workingSetBytes,
      monotonicMs: sample.monotonicMs,
    });
    const oldest = this.#points.findIndex(({ monotonicMs }) => monotonicMs > sample.monotonicMs - windowMs);
    this.#points.splice(0, oldest);
  }

  /** Undefined before the first sample. */
  get latest(): Measured | undefined {
    return this.#latest?.usage === nothing ? undefined : this.#latest;
  }

  /** Undefined while there is nothing to sum up. */
  quantiles(): Quantiles | undefined {
    const [first, last] = [this.#points[0], this.#points.at(-1)];
    if (!first || !last) return undefined;
    const cpu = this.#points.map(({ cpuMilli }) => cpuMilli).sort((a, b) => a - b);
    const memory = this.#points.map(({ memoryBytes }) => memoryBytes).sort((a, b) => a - b);
    const at = (share: number): Amounts => ({
      cpuMilli: Math.ceil(quantile(cpu, share)),
      memoryBytes: quantile(memory, share),
    });
    const spanMs = last.monotonicMs - first.monotonicMs;
    return { p50: at(0.5), p95: at(0.95), p99: at(0.99), peak: at(1), windowMs: spanMs };
  }
}

const nothing: GroupUsage = {
  ...{ cpuNanos: 0, throttledPeriods: 0, memoryBytes: 0, workingSetBytes: 0, rssBytes: 0 },
  ...{ pids: 0, oomKills: 0 },
};

/** Nearest rank. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
