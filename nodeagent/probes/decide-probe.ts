/**
 * What the outcomes of probes mean for a container. Pure: one outcome and what was known in, what is known
 * now out; the worker asks and the runner acts.
 */

import type { Probe, ProbeKind } from '../../api/kinds/task-probes.ts';
import type { Container } from '../../api/kinds/task-spec.ts';

/** Outcomes in a row, of one probe. */
export interface Tally {
  successes: number;
  failures: number;
}

export const noOutcomes: Tally = { successes: 0, failures: 0 };

export type Verdict = 'passed' | 'failed' | 'open';

export function countOutcome(
  { successThreshold, failureThreshold }: Pick<Probe, 'successThreshold' | 'failureThreshold'>,
  { successes, failures }: Tally,
  good: boolean,
): { tally: Tally; verdict: Verdict } {
  const tally = good ? { successes: successes + 1, failures: 0 } : { successes: 0, failures: failures + 1 };
  if (tally.successes >= successThreshold) return { tally, verdict: 'passed' };
  return { tally, verdict: tally.failures >= failureThreshold ? 'failed' : 'open' };
}

/** What probes have found out about a running container. */
export interface Health {
  started: boolean;
  ready: boolean;
}

type Probed = Pick<Container, 'startupProbe' | 'livenessProbe' | 'readinessProbe'>;

export function firstHealth({ startupProbe, readinessProbe }: Probed): Health {
  return { started: !startupProbe, ready: !startupProbe && !readinessProbe };
}

export function healthAfter(container: Probed, health: Health, kind: ProbeKind, verdict: Verdict): Health {
  if (verdict === 'open' || kind === 'liveness') return health;
  if (kind === 'readiness') return { ...health, ready: verdict === 'passed' };
  return verdict === 'passed' ? { started: true, ready: !container.readinessProbe } : health;
}

/** A failure of these ends the container; its restart policy says what then. */
export function isDeadly(kind: ProbeKind, verdict: Verdict): boolean {
  return verdict === 'failed' && kind !== 'readiness';
}

/** The startup probe runs alone; the others wait for it. */
export function activeProbes(container: Probed, { started }: Health): ProbeKind[] {
  if (!started) return ['startup'];
  return (['liveness', 'readiness'] as const).filter((kind) => container[`${kind}Probe`] !== undefined);
}
