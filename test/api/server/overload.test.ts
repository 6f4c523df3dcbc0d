import { describe, expect, it } from 'vitest';
import { Metrics } from '../../../api/server/metrics.ts';
import { InFlightLimits, type Lane } from '../../../api/server/overload.ts';

/** Requests that last until `finish`, and how many of them were let in. */
class Load {
  readonly metrics = new Metrics();
  readonly #limits = new InFlightLimits(this.metrics);
  readonly #finish: (() => void)[] = [];
  readonly refusals: unknown[] = [];

  /** Says how many of `count` requests were let in. */
  async send(user: string, count: number, lane: Lane = 'write'): Promise<number> {
    let letIn = 0;
    for (let sent = 0; sent < count; sent++) {
      const request = this.#limits.run({ lane, user }, () => {
        letIn++;
        return new Promise<void>((resolve) => this.#finish.push(resolve));
      });
      void request.catch((error: unknown) => this.refusals.push(error));
    }
    await Promise.resolve();
    return letIn;
  }

  async finish(): Promise<void> {
    for (const finish of this.#finish.splice(0)) finish();
    await new Promise(setImmediate);
  }
}

describe('requests in flight', () => {
  it('of one user take half of a lane, so that another always finds room', async () => {
    const load = new Load();
    expect(await load.send('greedy', 500)).toBe(100);
    expect(await load.send('modest', 20)).toBe(20);
    expect(load.refusals[0]).toMatchObject({
      reason: 'TooManyRequests',
      details: { retryAfterSeconds: 1 },
    });
  });

  it('of several greedy users leave room for one more, whoever came first', async () => {
    const load = new Load();
    for (let round = 0; round < 200; round++) for (const user of ['a', 'b', 'c']) await load.send(user, 1);
    expect(await load.send('modest', 20)).toBe(20);
  });

  it('make room when they end', async () => {
    const load = new Load();
    await load.send('greedy', 500);
    await load.finish();
    expect(await load.send('greedy', 500)).toBe(100);
  });

  it('of one lane do not count in another', async () => {
    const load = new Load();
    await load.send('greedy', 500, 'write');
    expect(await load.send('greedy', 500, 'read')).toBe(200);
  });

  it('of the system lane have no shares, but a limit', async () => {
    const load = new Load();
    expect(await load.send('system:node:n1', 500, 'system')).toBe(400);
  });

  it('are counted, and so are refusals with their reason', async () => {
    const load = new Load();
    await load.send('greedy', 101);
    await load.send('system:node:n1', 401, 'system');
    const text = await load.metrics.text();
    expect(text).toContain('apiserver_current_inflight_requests{lane="write"} 100');
    expect(text).toContain('apiserver_rejected_requests_total{lane="write",reason="share"} 1');
    expect(text).toContain('apiserver_rejected_requests_total{lane="system",reason="full"} 1');
  });
});
