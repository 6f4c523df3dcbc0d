import { describe, expect, it } from 'vitest';
import { isWorthTelling } from '../../../nodeagent/stats/usage-report.ts';

function usage(seconds: number, cpu: string, memory: string) {
  const amounts = { cpu, memory };
  const time = new Date(1_800_000_000_000 + seconds * 1000).toISOString();
  return { time, windowSeconds: 300, p50: amounts, p95: amounts, p99: amounts, peak: amounts };
}

const known = usage(0, '100m', '100Mi');

describe("a task's usage is told", () => {
  it.each([
    ['the first time', undefined, usage(0, '1m', '1Mi'), true],
    ['not again while it is steady', known, usage(3600, '100m', '100Mi'), false],
    ['after a minute when it changed by a quarter', known, usage(60, '130m', '100Mi'), true],
    ['not before a minute is over', known, usage(59, '1', '1Gi'), false],
    ['not after a minute when it changed by a fifth', known, usage(60, '120m', '120Mi'), false],
    ['after five minutes when it changed by a fifth', known, usage(300, '100m', '120Mi'), true],
    ['never for a few millis or a megabyte', usage(0, '1m', '1Mi'), usage(3600, '9m', '5Mi'), false],
  ])('%s', (_when, before, next, told) => {
    expect(isWorthTelling(before, next)).toBe(told);
  });
});
