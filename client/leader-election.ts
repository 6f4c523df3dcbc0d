/**
 * One of several candidates leads, by holding a Lease (client-go's leaderelection).
 *
 *   const election = new LeaderElection({ client, lease: { namespace: 'kube-system', name: 'gantry-scheduler' },
 *     identity, onStarted: (signal) => buildRuntime(election.fence(client)).run(signal) });
 *   election.start();
 *
 * Nobody's wall clock counts. A candidate takes the lease when its record has not changed for
 * `leaseDurationMs` on the candidate's own monotonic clock; the leader counts from before it sent its
 * last good renewal and gives up after `renewDeadlineMs`, which is shorter.
 * Invariant: as long as monotonic clocks run at about the same speed, no two candidates have `isLeader`
 * true at the same moment, not even when a process is frozen and wakes up again.
 */
import { Lease } from '../api/kinds/resources.ts';
import { ApiError, hasReason } from '../api/meta/api-error.ts';
import { type Clock, systemClock, type Timer } from '../api/meta/clock.ts';
import { type Logger, silentLogger } from '../api/meta/logger.ts';
import { Loop } from '../api/meta/loop.ts';
import { microTimestamp } from '../api/meta/object-meta.ts';
import { type Random, systemRandom } from '../api/meta/random.ts';
import type { Client, ObjectKey } from './client.ts';
import { fencedClient } from './client-interceptor.ts';
import { LinkedAbort } from './linked-abort.ts';

export interface LeaderElectionOptions {
  client: Client;
  lease: ObjectKey & { namespace: string };
  /** Unique to this process: host name and something random. */
  identity: string;
  /** The leader's work; `signal` aborts when leadership is lost or `stop` is called. */
  onStarted: (signal: AbortSignal) => Promise<void> | void;
  /** After the work of `onStarted` has ended. */
  onStopped?: () => void;
  /** Default 15, 10 and 2 seconds. */
  leaseDurationMs?: number;
  renewDeadlineMs?: number;
  retryPeriodMs?: number;
  clock?: Clock;
  random?: Random;
  logger?: Logger;
}

/** One term of leadership: from the first good renewal until it ends for whatever reason. */
interface Term {
  abort: AbortController;
  /** `isLeader` holds before this moment (monotonic). */
  untilMs: number;
  timer: Timer;
  work: Promise<void>;
}

export class LeaderElection {
  readonly identity: string;
  /** Times this candidate became leader: for metrics. */
  terms = 0;
  readonly #options: LeaderElectionOptions;
  readonly #leaseDurationMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryPeriodMs: number;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #loop: Loop;
  #term: Term | undefined;
  /** Work of the last term: it must be over before a new one begins. */
  #endingWork: Promise<void> = Promise.resolve();
  /** The lease as last seen, and when it was first seen in that state (monotonic). */
  #observed: Lease | undefined;
  #observedMs = 0;

  constructor(options: LeaderElectionOptions) {
    const { clock = systemClock, random = systemRandom, logger = silentLogger } = options;
    this.#options = options;
    this.identity = options.identity;
    this.#leaseDurationMs = options.leaseDurationMs ?? 15_000;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
    this.#retryPeriodMs = options.retryPeriodMs ?? 2_000;
    this.#clock = clock;
    this.#random = random;
    this.#logger = logger;
    this.#loop = new Loop({
      name: `leader election ${options.lease.name}`,
      step: (signal) => this.#turn(signal),
      intervalMs: this.#retryPeriodMs,
      backoff: { baseMs: this.#retryPeriodMs / 2, maxMs: this.#retryPeriodMs },
      clock,
      random,
      logger,
    });
  }

  /** True while this candidate may act as leader, at this very moment. */
  get isLeader(): boolean {
    const term = this.#term;
    return term !== undefined && !term.abort.signal.aborted && this.#clock.monotonicMs() < term.untilMs;
  }

  /** Who holds the lease, as last seen. */
  get leaderIdentity(): string | undefined {
    return this.#observed?.spec.holderIdentity || undefined;
  }

  /** A client that writes only while this candidate leads. */
  fence(client: Client): Client {
    return fencedClient(client, () => {
      if (!this.isLeader) throw new ApiError('ServiceUnavailable', `${this.identity} does not lead any more`);
    });
  }

  start(): this {
    this.#loop.start();
    return this;
  }

  /** Ends the work, then gives the lease back, so that the next leader need not wait for it to run out. */
  async stop(): Promise<void> {
    await this.#loop.stop();
    const led = this.isLeader;
    this.#endTerm('stopping');
    await this.#endingWork;
    if (led) await this.#release();
  }

  /** Tries to get or keep the lease. Gives the pause before the next try. */
  async #turn(signal: AbortSignal): Promise<number> {
    const request = new LinkedAbort(signal);
    // A request must not take the time that belongs to the next try.
    const limit = this.#clock.after(this.#renewDeadlineMs / 2, () => request.abort());
    try {
      await this.#acquireOrRenew(request.signal);
    } catch (error) {
      // Another candidate was faster; the next turn sees what it wrote.
      if (!hasReason(error, 'Conflict', 'AlreadyExists')) throw error;
    } finally {
      limit.cancel();
      request.release();
    }
    return this.#term ? this.#retryPeriodMs : this.#retryPeriodMs * (1 + this.#random.next() * 0.2);
  }

  async #acquireOrRenew(signal: AbortSignal): Promise<void> {
    const lease = await this.#read(signal);
    this.#observe(lease);
    if (!this.#mayTake(lease)) return;
    await this.#endingWork;
    const sentMs = this.#clock.monotonicMs();
    const written = lease
      ? await this.#options.client.update(Lease, { ...lease, spec: this.#claim(lease) }, { signal })
      : await this.#options.client.create(
          Lease,
          { metadata: { ...this.#options.lease }, spec: this.#claim(undefined) },
          { signal },
        );
    this.#observe(written);
    this.#renewTerm(sentMs);
  }

  async #read(signal: AbortSignal): Promise<Lease | undefined> {
    try {
      return await this.#options.client.get(Lease, this.#options.lease, { signal });
    } catch (error) {
      if (hasReason(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  #observe(lease: Lease | undefined): void {
    if (lease?.metadata.resourceVersion === this.#observed?.metadata.resourceVersion) return;
    this.#observed = lease;
    this.#observedMs = this.#clock.monotonicMs();
  }

  #mayTake(lease: Lease | undefined): boolean {
    const holder = lease?.spec.holderIdentity;
    if (!holder || holder === this.identity) return true;
    return this.#clock.monotonicMs() >= this.#observedMs + this.#durationOf(lease);
  }

  /** The holder's promise counts, not ours: candidates may be configured differently. */
  #durationOf(lease: Lease): number {
    return (lease.spec.leaseDurationSeconds ?? 0) * 1000 || this.#leaseDurationMs;
  }

  #claim(before: Lease | undefined): Lease['spec'] {
    const nowMs = this.#clock.now();
    const same = before?.spec.holderIdentity === this.identity;
    const transitions = before?.spec.leaseTransitions ?? 0;
    return {
      holderIdentity: this.identity,
      leaseDurationSeconds: Math.ceil(this.#leaseDurationMs / 1000),
      acquireTime: (same && before.spec.acquireTime) || microTimestamp(nowMs),
      renewTime: microTimestamp(nowMs),
      leaseTransitions: before === undefined || same ? transitions : transitions + 1,
    };
  }

  /** A renewal sent at `sentMs` was good. */
  #renewTerm(sentMs: number): void {
    const untilMs = sentMs + this.#renewDeadlineMs;
    const leftMs = untilMs - this.#clock.monotonicMs();
    if (leftMs <= 0) return;
    const timer = this.#clock.after(leftMs, () => this.#endTerm('the lease could not be renewed in time'));
    if (this.#term) {
      this.#term.timer.cancel();
      Object.assign(this.#term, { untilMs, timer });
      return;
    }
    this.terms++;
    const abort = new AbortController();
    this.#term = { abort, untilMs, timer, work: Promise.resolve() };
    this.#term.work = this.#lead(abort.signal);
    this.#logger.info({ lease: this.#options.lease.name, identity: this.identity }, 'leading');
  }

  async #lead(signal: AbortSignal): Promise<void> {
    try {
      await this.#options.onStarted(signal);
    } catch (error) {
      if (!signal.aborted) this.#logger.error({ err: error, identity: this.identity }, 'leader work failed');
    }
  }

  #endTerm(why: string): void {
    const term = this.#term;
    if (!term) return;
    this.#term = undefined;
    term.timer.cancel();
    term.abort.abort(new ApiError('ServiceUnavailable', `leadership ended: ${why}`));
    this.#logger.info({ lease: this.#options.lease.name, identity: this.identity, why }, 'not leading');
    this.#endingWork = term.work.then(() => this.#options.onStopped?.());
  }

  async #release(): Promise<void> {
    const lease = this.#observed;
    if (lease?.spec.holderIdentity !== this.identity) return;
    try {
      const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1 };
      await this.#options.client.update(Lease, { ...lease, spec });
    } catch (error) {
      // Somebody waits out the lease instead.
      this.#logger.debug({ err: error, lease: this.#options.lease.name }, 'lease not released');
    }
  }
}
