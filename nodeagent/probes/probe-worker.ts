/**
 * Asks one running container how it is, again and again, and keeps what that means: one loop per probe.
 * It only finds out; what is done about it is the runner's.
 */

import type { Probe, ProbeKind } from '../../api/kinds/task-probes.ts';
import type { Container } from '../../api/kinds/task-spec.ts';
import type { Clock } from '../../api/meta/clock.ts';
import type { Logger } from '../../api/meta/logger.ts';
import { Loop } from '../../api/meta/loop.ts';
import {
  activeProbes,
  countOutcome,
  type Health,
  healthAfter,
  isDeadly,
  noOutcomes,
  type Tally,
} from './decide-probe.ts';
import type { Outcome } from './handler.ts';

export interface ProbeWorkerOptions {
  container: Container;
  /** Where a previous agent left off. */
  health: Health;
  startedAtMs: number;
  attempt: (probe: Probe, signal: AbortSignal) => Promise<Outcome>;
  /** Something is different: `health` or `fatal`. */
  onChange: () => void;
  onFailure: (kind: ProbeKind, message: string) => void;
  /** It passed, but not as it should. */
  onWarning: (kind: ProbeKind, message: string) => void;
  clock: Clock;
  logger: Logger;
}

export class ProbeWorker {
  health: Health;
  /** The probe whose failure is to end the container. */
  fatal: { kind: ProbeKind; message: string } | undefined;
  readonly #options: ProbeWorkerOptions;
  readonly #loops = new Map<ProbeKind, Loop>();
  readonly #tallies = new Map<ProbeKind, Tally>();
  #stopped = false;

  constructor(options: ProbeWorkerOptions) {
    this.#options = options;
    this.health = options.health;
  }

  start(): this {
    this.#follow();
    return this;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#loops.values()].map((loop) => loop.stop()));
  }

  /** Starts the loops of the probes whose time has come, and ends those whose time is over. */
  #follow(): void {
    const active = this.fatal || this.#stopped ? [] : activeProbes(this.#options.container, this.health);
    for (const [kind, loop] of this.#loops) if (!active.includes(kind)) void loop.stop();
    for (const kind of active) if (!this.#loops.has(kind)) this.#loops.set(kind, this.#loop(kind));
  }

  #loop(kind: ProbeKind): Loop {
    const { container, clock, logger } = this.#options;
    const probe = container[`${kind}Probe`] as Probe;
    return new Loop({
      name: `probe-${kind}`,
      step: (signal) => this.#turn(kind, probe, signal),
      intervalMs: probe.periodSeconds * 1000,
      clock,
      logger,
    }).start();
  }

  async #turn(kind: ProbeKind, probe: Probe, signal: AbortSignal): Promise<number | undefined> {
    const { clock, startedAtMs, attempt, container, onChange, onFailure, onWarning } = this.#options;
    const delayMs = startedAtMs + probe.initialDelaySeconds * 1000 - clock.now();
    if (delayMs > 0) return delayMs;
    const { good, message } = await attempt(probe, signal);
    // The loop was ended meanwhile: what it heard is of no interest any more.
    if (signal.aborted) return undefined;
    if (!good) onFailure(kind, message);
    else if (message !== '') onWarning(kind, message);
    const { tally, verdict } = countOutcome(probe, this.#tallies.get(kind) ?? noOutcomes, good);
    this.#tallies.set(kind, tally);
    const health = healthAfter(container, this.health, kind, verdict);
    const isNews = health !== this.health;
    this.health = health;
    if (isDeadly(kind, verdict)) this.fatal = { kind, message };
    if (isNews || this.fatal) onChange();
    this.#follow();
    return undefined;
  }
}
