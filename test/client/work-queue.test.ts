import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../api/meta/clock.ts';
import { seededRandom } from '../../api/meta/random.ts';
import { WorkQueue } from '../../client/work-queue.ts';

function queueOn(clock = new VirtualClock()): WorkQueue {
  return new WorkQueue({ clock, random: seededRandom(1), backoff: { baseMs: 100, maxMs: 1_000 } });
}

describe('a work queue', () => {
  test('hands keys out in the order they were added', async () => {
    const queue = queueOn();
    for (const key of ['b', 'a', 'c']) queue.add(key);
    expect([await queue.take(), await queue.take(), await queue.take()]).toEqual(['b', 'a', 'c']);
  });

  test('hands a key that was added many times out once', async () => {
    const queue = queueOn();
    for (let i = 0; i < 100; i++) queue.add('a');
    expect(await queue.take()).toBe('a');
    expect(queue.depth).toBe(0);
  });

  test('keeps a key back that is in flight, and hands it out again after done', async () => {
    const queue = queueOn();
    queue.add('a');
    await queue.take();
    queue.add('a');
    queue.add('a');
    expect(queue.depth).toBe(0);
    queue.done('a');
    expect(queue.depth).toBe(1);
    expect(await queue.take()).toBe('a');
    queue.done('a');
    expect(queue.idle).toBe(true);
  });

  test('gives a waiting taker the next key at once', async () => {
    const queue = queueOn();
    const taken = [queue.take(), queue.take()];
    queue.add('a');
    queue.add('b');
    expect(await Promise.all(taken)).toEqual(['a', 'b']);
  });

  test('adds a delayed key when its time has come, and the earliest of several delays counts', async () => {
    const clock = new VirtualClock();
    const queue = queueOn(clock);
    queue.addAfter('a', 5_000);
    queue.addAfter('a', 1_000);
    queue.addAfter('a', 3_000);
    await clock.advance(999);
    expect(queue.depth).toBe(0);
    await clock.advance(1);
    expect(queue.depth).toBe(1);
    expect(clock.pendingTimers).toBe(0);
  });

  test('waits longer with each failure of a key, and starts anew after forget', async () => {
    const clock = new VirtualClock();
    const queue = queueOn(clock);
    const waits: number[] = [];
    for (let failure = 0; failure < 6; failure++) {
      const startMs = clock.monotonicMs();
      queue.retry('a');
      while (queue.depth === 0) await clock.advance(1);
      await queue.take();
      queue.done('a');
      waits.push(clock.monotonicMs() - startMs);
    }
    const ceilings = [100, 200, 400, 800, 1_000, 1_000];
    waits.forEach((waitMs, failure) => {
      expect(waitMs).toBeGreaterThanOrEqual(ceilings[failure]! / 2);
      expect(waitMs).toBeLessThanOrEqual(ceilings[failure]! + 1);
    });
    queue.forget('a');
    expect(queue.failuresOf('a')).toBe(0);
  });

  test('does not let one failing key hold up another', async () => {
    const queue = queueOn();
    queue.add('bad');
    await queue.take();
    queue.retry('bad');
    queue.done('bad');
    queue.add('good');
    expect(await queue.take()).toBe('good');
  });

  test('drains on shutdown: what is queued still comes, what is new or delayed does not', async () => {
    const clock = new VirtualClock();
    const queue = queueOn(clock);
    queue.add('a');
    queue.add('b');
    queue.addAfter('later', 10);
    await queue.take();
    let drained = false;
    const shutdown = queue.shutdown().then(() => (drained = true));
    queue.add('new');
    queue.add('a');
    expect(await queue.take()).toBe('b');
    queue.done('a');
    await clock.advance(100);
    expect(drained).toBe(false);
    queue.done('b');
    await shutdown;
    expect(await queue.take()).toBeUndefined();
    expect(clock.pendingTimers).toBe(0);
  });

  test('wakes idle takers with nothing on shutdown', async () => {
    const queue = queueOn();
    const taken = queue.take();
    await queue.shutdown();
    expect(await taken).toBeUndefined();
  });

  test('takes a hundred thousand keys without slowing down', async () => {
    const queue = queueOn();
    const startMs = performance.now();
    for (let i = 0; i < 100_000; i++) queue.add(`k${i}`);
    for (let i = 0; i < 100_000; i++) queue.done((await queue.take())!);
    expect(queue.idle).toBe(true);
    expect(performance.now() - startMs).toBeLessThan(2_000);
  });

  test('never runs one key twice at once and loses no key, whatever the order of events', async () => {
    const step = fc.oneof(
      fc.record({ type: fc.constant('add' as const), key: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ type: fc.constant('addAfter' as const), key: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ type: fc.constant('retry' as const), key: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ type: fc.constant('take' as const) }),
      fc.record({ type: fc.constant('done' as const), pick: fc.nat(5) }),
      fc.record({ type: fc.constant('time' as const), ms: fc.nat(400) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const clock = new VirtualClock();
        const queue = queueOn(clock);
        const inFlight: string[] = [];
        /** Keys whose newest addition has not been followed by a take. */
        const owed = new Set<string>();
        const take = async (): Promise<void> => {
          const key = (await queue.take())!;
          expect(inFlight).not.toContain(key);
          inFlight.push(key);
          owed.delete(key);
        };
        for (const action of steps) {
          if (action.type === 'add') {
            queue.add(action.key);
            owed.add(action.key);
          } else if (action.type === 'addAfter') {
            queue.addAfter(action.key, 100);
            owed.add(action.key);
          } else if (action.type === 'retry') {
            queue.retry(action.key);
            owed.add(action.key);
          } else if (action.type === 'take' && queue.depth > 0) await take();
          else if (action.type === 'done' && inFlight.length > 0) {
            queue.done(inFlight.splice(action.pick % inFlight.length, 1)[0]!);
          } else if (action.type === 'time') await clock.advance(action.ms);
        }
        while (inFlight.length > 0 || queue.depth > 0 || queue.delayed > 0) {
          for (const key of inFlight.splice(0)) queue.done(key);
          await clock.advance(1_000);
          while (queue.depth > 0) await take();
        }
        expect([...owed]).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });
});
