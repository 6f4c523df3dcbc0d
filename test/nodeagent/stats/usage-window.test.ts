import { describe, expect, it } from 'vitest';
import { UsageWindow } from '../../../nodeagent/stats/usage-window.ts';
import { groupUsage } from '../../kit/nodeagent-objects.ts';

/** `seconds` on the clock, `cpuSeconds` used so far. */
function sample(seconds: number, cpuSeconds: number, workingSetBytes = 0) {
  const usage = groupUsage({ cpuNanos: cpuSeconds * 1e9, workingSetBytes });
  return { monotonicMs: seconds * 1000, atMs: 1_000_000 + seconds * 1000, usage };
}

describe('a window of usage', () => {
  it('has no rate after one sample whose beginning nobody knows', () => {
    const window = new UsageWindow();
    window.add(sample(10, 5));
    expect(window.latest).toEqual(sample(10, 5));
    expect(window.quantiles()).toBeUndefined();
  });

  it('has a rate after the first sample when its beginning is known', () => {
    const window = new UsageWindow(0);
    expect(window.latest).toBeUndefined();
    window.add(sample(10, 5));
    expect(window.latest).toMatchObject({ cpuMilli: 500, spanMs: 10_000 });
  });

  it('rates cpu between its last two samples', () => {
    const window = new UsageWindow(0);
    window.add(sample(10, 5));
    window.add(sample(20, 7));
    expect(window.latest?.cpuMilli).toBe(200);
  });

  it('takes no rate over less than half a second', () => {
    const window = new UsageWindow(0);
    window.add(sample(10, 5));
    window.add(sample(10.2, 6));
    expect(window.latest?.cpuMilli).toBe(500);
  });

  it('sums up quantiles by nearest rank', () => {
    const window = new UsageWindow(0);
    for (let turn = 1; turn <= 20; turn++)
      window.add(sample(turn * 10, (turn * (turn + 1)) / 20, turn * 100));
    expect(window.quantiles()).toEqual({
      p50: { cpuMilli: 100, memoryBytes: 1000 },
      p95: { cpuMilli: 190, memoryBytes: 1900 },
      p99: { cpuMilli: 200, memoryBytes: 2000 },
      peak: { cpuMilli: 200, memoryBytes: 2000 },
      windowMs: 190_000,
    });
  });

  it('forgets what is older than five minutes', () => {
    const window = new UsageWindow(0);
    window.add(sample(10, 100, 9000));
    window.add(sample(300, 100, 500));
    window.add(sample(311, 100, 400));
    expect(window.quantiles()?.peak).toEqual({ cpuMilli: 0, memoryBytes: 500 });
  });
});
