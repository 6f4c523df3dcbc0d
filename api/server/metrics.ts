/** What /metrics shows. Names and labels are Kubernetes' where it has the same thing. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { WatchCache } from './watch-cache.ts';
import type { WatchHubs } from './watch-hubs.ts';

export interface RequestObservation {
  verb: string;
  resource: string;
  code: number;
  durationMs: number;
}

export class Metrics {
  readonly #registry = new Registry();
  readonly #requests: Counter;
  readonly #latency: Histogram;
  readonly #rejected: Counter;
  readonly #binds: Counter;

  constructor() {
    const registers = [this.#registry];
    this.#requests = new Counter({
      name: 'apiserver_request_total',
      help: 'Requests answered.',
      labelNames: ['verb', 'resource', 'code'],
      registers,
    });
    this.#latency = new Histogram({
      name: 'apiserver_request_duration_seconds',
      help: 'From the first byte to the answer; for watches to its beginning.',
      labelNames: ['verb', 'resource'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers,
    });
    this.#rejected = new Counter({
      name: 'apiserver_rejected_requests_total',
      help: 'Requests refused because too many were in flight: the lane was full, or the user had their share.',
      labelNames: ['lane', 'reason'],
      registers,
    });
    this.#binds = new Counter({
      name: 'apiserver_plan_binds_total',
      help: 'Binds of plans, by what became of them: bound (or nominated), or the reason of the refusal.',
      labelNames: ['mode', 'outcome'],
      registers,
    });
  }

  /** Gauges that are read when somebody looks. */
  observeState({ cache, hubs }: { cache: WatchCache; hubs: WatchHubs }): void {
    const stored = { name: 'apiserver_storage_objects', help: 'Objects in the watch cache.' };
    this.#gaugeBy('resource', stored, () => cache.sizes());
    const watches = { name: 'apiserver_longrunning_requests', help: 'Open watches.' };
    this.#gaugeBy('resource', watches, () => hubs.counts());
    const drift = 'Objects the audit found different from the store; must stay 0.';
    this.#gauge('store_cache_drift_total', drift, () => cache.driftTotal);
    this.#gauge('store_revision', 'Revision of the watch cache.', () => cache.revision);
    this.#gauge('process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss());
  }

  observeInFlight(read: () => Iterable<[lane: string, requests: number]>): void {
    const inFlight = { name: 'apiserver_current_inflight_requests', help: 'Requests being answered.' };
    this.#gaugeBy('lane', inFlight, read);
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(read());
      },
    });
  }

  #gaugeBy(
    label: string,
    { name, help }: { name: string; help: string },
    read: () => Iterable<[labelled: string, value: number]>,
  ): void {
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [this.#registry],
      collect() {
        // What is gone is not shown with its last value.
        this.reset();
        for (const [labelled, value] of read()) this.set({ [label]: labelled }, value);
      },
    });
  }

  request({ verb, resource, code, durationMs }: RequestObservation): void {
    this.#requests.inc({ verb, resource, code });
    this.#latency.observe({ verb, resource }, durationMs / 1000);
  }

  plan(mode: string, outcomes: readonly ({ reason: string } | undefined)[]): void {
    for (const outcome of outcomes) this.#binds.inc({ mode, outcome: outcome?.reason ?? 'bound' });
  }

  rejected(lane: string, reason: string): void {
    this.#rejected.inc({ lane, reason });
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
