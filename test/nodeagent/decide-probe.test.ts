import { describe, expect, it } from 'vitest';
import type { Probe } from '../../api/kinds/task-probes.ts';
import {
  activeProbes,
  countOutcome,
  firstHealth,
  healthAfter,
  isDeadly,
  noOutcomes,
  type Verdict,
} from '../../nodeagent/probes/decide-probe.ts';

const thresholds = { successThreshold: 2, failureThreshold: 3 };
const probe = {} as Probe;
const verdictsOf = (outcomes: string): Verdict[] => {
  let tally = noOutcomes;
  return [...outcomes].map((letter) => {
    const next = countOutcome(thresholds, tally, letter === '+');
    tally = next.tally;
    return next.verdict;
  });
};

describe('countOutcome', () => {
  it.each([
    ['+', ['open']],
    ['++', ['open', 'passed']],
    ['+-+', ['open', 'open', 'open']],
    ['--+--', ['open', 'open', 'open', 'open', 'open']],
    ['---', ['open', 'open', 'failed']],
    ['---++', ['open', 'open', 'failed', 'open', 'passed']],
  ] as [string, Verdict[]][])('reads %s as %j', (outcomes, verdicts) => {
    expect(verdictsOf(outcomes)).toEqual(verdicts);
  });
});

describe('the health of a container', () => {
  it('is good from the start without probes', () => {
    expect(firstHealth({})).toEqual({ started: true, ready: true });
    expect(firstHealth({ livenessProbe: probe })).toEqual({ started: true, ready: true });
  });

  it('waits for the readiness probe, and follows it', () => {
    const container = { readinessProbe: probe };
    const first = firstHealth(container);
    expect(first).toEqual({ started: true, ready: false });
    const ready = healthAfter(container, first, 'readiness', 'passed');
    expect(ready.ready).toBe(true);
    expect(healthAfter(container, ready, 'readiness', 'open')).toBe(ready);
    expect(healthAfter(container, ready, 'readiness', 'failed').ready).toBe(false);
  });

  it('is decided by the startup probe alone until that has passed', () => {
    const container = { startupProbe: probe, livenessProbe: probe, readinessProbe: probe };
    const first = firstHealth(container);
    expect(activeProbes(container, first)).toEqual(['startup']);
    const started = healthAfter(container, first, 'startup', 'passed');
    expect(started).toEqual({ started: true, ready: false });
    expect(activeProbes(container, started)).toEqual(['liveness', 'readiness']);
  });

  it('is ready once started when there is no readiness probe', () => {
    const container = { startupProbe: probe };
    expect(healthAfter(container, firstHealth(container), 'startup', 'passed')).toEqual({
      started: true,
      ready: true,
    });
  });

  it.each([
    ['startup', true],
    ['liveness', true],
    ['readiness', false],
  ] as const)('ends the container when %s has failed: %s', (kind, deadly) => {
    expect(isDeadly(kind, 'failed')).toBe(deadly);
    expect(isDeadly(kind, 'open')).toBe(false);
  });
});
