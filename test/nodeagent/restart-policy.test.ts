import { describe, expect, it } from 'vitest';
import { decideRestart, preparationDelayMs, restartPolicyOf } from '../../nodeagent/task/restart-policy.ts';

const end = (exitCode: number, ranMs = 1000) => ({ exitCode, startedAtMs: 0, finishedAtMs: ranMs });

describe('decideRestart', () => {
  it.each([
    ['Always', 0, true],
    ['Always', 1, true],
    ['OnFailure', 0, false],
    ['OnFailure', 1, true],
    ['Never', 0, false],
    ['Never', 1, false],
  ] as const)('with %s and exit code %i restarts: %s', (restartPolicy, exitCode, restart) => {
    expect(decideRestart(restartPolicy, { failures: 0 }, end(exitCode)).restart).toBe(restart);
  });

  it('restarts at once first, then after 10 s, doubling up to 5 minutes', () => {
    const delays: number[] = [];
    for (let failures = 0; failures < 8; failures++) {
      const verdict = decideRestart('Always', { failures }, end(1));
      if (verdict.restart) delays.push(verdict.delayMs / 1000);
    }
    expect(delays).toEqual([0, 10, 20, 40, 80, 160, 300, 300]);
  });

  it('begins anew after ten good minutes', () => {
    const verdict = decideRestart('Always', { failures: 6 }, end(1, 600_000));
    expect(verdict).toEqual({ restart: true, failures: 1, delayMs: 0 });
  });

  it('looks for a missing image or a taken port after 1 s, then less often, at least every 30 s', () => {
    expect([1, 2, 3, 6, 60].map(preparationDelayMs)).toEqual([1000, 2000, 4000, 30_000, 30_000]);
  });
});

describe('restartPolicyOf', () => {
  it.each([
    ['Always', undefined, 'Always'],
    ['Always', 'init', 'OnFailure'],
    ['OnFailure', 'init', 'OnFailure'],
    ['Never', 'init', 'Never'],
    ['Never', 'sidecar', 'Always'],
    ['Never', undefined, 'Never'],
  ] as const)('of a task with %s makes %s containers follow %s', (restartPolicy, role, policy) => {
    expect(restartPolicyOf({ restartPolicy }, role ? { role } : {})).toBe(policy);
  });
});
