import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfigMap, Lease } from '../../api/kinds/resources.ts';
import { hasReason } from '../../api/meta/api-error.ts';
import type { Clock, Timer, VirtualClock } from '../../api/meta/clock.ts';
import { seededRandom } from '../../api/meta/random.ts';
import type { Client } from '../../client/client.ts';
import { LeaderElection } from '../../client/leader-election.ts';
import { FaultyClient, until } from '../../client/testing/index.ts';
import { clusters, type TestCluster } from './clusters.ts';

const lease = { namespace: 'kube-system', name: 'gantry-test' };

/** A process that can be frozen: its timers fire only while it runs, its clocks go on. */
class Process implements Clock {
  frozen = false;
  readonly #missed: (() => void)[] = [];
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  now = (): number => this.#clock.now();
  monotonicMs = (): number => this.#clock.monotonicMs();

  after(delayMs: number, callback: () => void): Timer {
    return this.#clock.after(delayMs, () => {
      if (this.frozen) this.#missed.push(callback);
      else callback();
    });
  }

  /** Late timers fire in the worst order: newest first. */
  thaw(): void {
    this.frozen = false;
    for (const callback of this.#missed.splice(0).reverse()) callback();
  }
}

class Candidate {
  readonly process: Process;
  readonly network: FaultyClient;
  readonly election: LeaderElection;
  /** Work that runs right now: started and not told to end. */
  working = 0;

  constructor(name: string, client: Client, clock: VirtualClock) {
    this.process = new Process(clock);
    this.network = new FaultyClient(client);
    this.election = new LeaderElection({
      client: this.network.client,
      lease,
      identity: name,
      clock: this.process,
      random: seededRandom(name.length),
      onStarted: (signal) => {
        this.working++;
        signal.addEventListener('abort', () => this.working--);
      },
    });
  }

  /** What the outside world can see of leading: a write that gets through. */
  get canWrite(): boolean {
    return this.election.isLeader;
  }
}

describe.each(clusters)('leader election on $name', ({ make }) => {
  let cluster: TestCluster;
  let clock: VirtualClock;
  let candidates: Candidate[];

  beforeEach(async () => {
    cluster = await make();
    ({ clock } = cluster);
    candidates = ['a', 'bb', 'ccc'].map((name) => new Candidate(name, cluster.client, clock));
  });

  afterEach(async () => {
    for (const { process } of candidates) if (process.frozen) process.thaw();
    await Promise.all(candidates.map(({ election }) => election.stop()));
    await cluster.stop();
  });

  const leaders = () => candidates.filter(({ canWrite }) => canWrite);

  test('makes one of several candidates the leader, and keeps it', async () => {
    for (const { election } of candidates) election.start();
    await until(clock, () => leaders().length > 0);
    const [leader] = leaders();
    for (let i = 0; i < 100; i++) {
      await clock.advance(1_000);
      expect(leaders()).toEqual([leader]);
    }
    const { spec } = await cluster.client.get(Lease, lease);
    expect(spec).toMatchObject({
      holderIdentity: leader!.election.identity,
      leaseDurationSeconds: 15,
      leaseTransitions: 0,
    });
    expect(candidates.map(({ working }) => working).sort()).toEqual([0, 0, 1]);
  });

  test('hands over within seconds when the leader stops, because it gives the lease back', async () => {
    const [first, second] = candidates as [Candidate, Candidate];
    first.election.start();
    await until(clock, () => first.canWrite);
    second.election.start();
    await clock.advance(1_000);
    await first.election.stop();
    expect(first.working).toBe(0);
    await until(clock, () => second.canWrite, { limitMs: 3_000 });
    expect((await cluster.client.get(Lease, lease)).spec.leaseTransitions).toBe(1);
  });

  test('waits a dead leader out for the whole lease, then takes over', async () => {
    const [first, second] = candidates as [Candidate, Candidate];
    first.election.start();
    await until(clock, () => first.canWrite);
    second.election.start();
    await clock.advance(5_000);
    first.process.frozen = true;
    const diedMs = clock.monotonicMs();
    await until(clock, () => second.canWrite, { limitMs: 30_000 });
    const waitedMs = clock.monotonicMs() - diedMs;
    expect(waitedMs).toBeGreaterThan(12_000);
    expect(waitedMs).toBeLessThan(20_000);
  });

  test('lets a leader that cannot reach the server give up before anybody else may lead', async () => {
    const [first, second] = candidates as [Candidate, Candidate];
    first.election.start();
    await until(clock, () => first.canWrite);
    second.election.start();
    first.network.inject({ fault: 'unavailable', times: 1_000 });
    await until(clock, () => !first.canWrite, { limitMs: 11_000 });
    expect(first.working).toBe(0);
    expect(second.canWrite).toBe(false);
    await until(clock, () => second.canWrite, { limitMs: 10_000 });
  });

  test('refuses the writes of a leader that was frozen and has not noticed', async () => {
    const [first, second] = candidates as [Candidate, Candidate];
    first.election.start();
    await until(clock, () => first.canWrite);
    const fenced = first.election.fence(cluster.client);
    await fenced.create(ConfigMap, { metadata: { namespace: 'default', name: 'mine' } });
    second.election.start();
    first.process.frozen = true;
    await until(clock, () => second.canWrite, { limitMs: 30_000 });
    expect(first.working).toBe(1);
    const write = fenced.create(ConfigMap, { metadata: { namespace: 'default', name: 'late' } });
    await expect(write).rejects.toSatisfy((error) => hasReason(error, 'ServiceUnavailable'));
    await fenced.get(ConfigMap, { namespace: 'default', name: 'mine' });
    first.process.thaw();
    await clock.advance(10);
    expect(first.working).toBe(0);
  });

  test('comes back as a candidate after it lost', async () => {
    const [first] = candidates as [Candidate];
    first.election.start();
    await until(clock, () => first.canWrite);
    first.network.inject({ fault: 'unavailable', times: 8 });
    await until(clock, () => !first.canWrite);
    await until(clock, () => first.canWrite);
    expect(first.election.terms).toBe(2);
    expect(first.working).toBe(1);
  });

  test('never lets two candidates lead at once, whatever freezes or is cut off when', {
    timeout: 60_000,
  }, async () => {
    const who = fc.nat(2);
    const step = fc.oneof(
      fc.record({ type: fc.constant('freeze' as const), who }),
      fc.record({ type: fc.constant('thaw' as const), who }),
      fc.record({ type: fc.constant('cutOff' as const), who, times: fc.nat(12) }),
      fc.record({ type: fc.constant('loseAnswers' as const), who, times: fc.nat(4) }),
      fc.record({ type: fc.constant('time' as const), seconds: fc.nat(25) }),
    );
    for (const { election } of candidates) election.start();
    let most = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        for (const action of steps) {
          const candidate = candidates['who' in action ? action.who : 0]!;
          if (action.type === 'freeze') candidate.process.frozen = true;
          else if (action.type === 'thaw') candidate.process.thaw();
          else if (action.type === 'cutOff')
            candidate.network.inject({ fault: 'unavailable', times: action.times });
          else if (action.type === 'loseAnswers')
            candidate.network.inject({ verb: 'update', fault: 'lostAnswer', times: action.times });
          else {
            for (let tenth = 0; tenth < action.seconds * 10; tenth += 5) {
              await clock.advance(500);
              most = Math.max(most, leaders().length);
            }
          }
          expect(leaders().length).toBeLessThanOrEqual(1);
        }
        for (const { process } of candidates) if (process.frozen) process.thaw();
      }),
      { numRuns: 15 },
    );
    expect(most).toBe(1);
  });
});
