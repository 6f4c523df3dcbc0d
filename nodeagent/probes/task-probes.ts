/** The probe workers of one task: one for every running container that has probes, and no other. */

import type { Probe, ProbeKind } from '../../api/kinds/task-probes.ts';
import type { Container } from '../../api/kinds/task-spec.ts';
import type { Clock } from '../../api/meta/clock.ts';
import type { Logger } from '../../api/meta/logger.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { stopOf } from '../task/task-order.ts';
import { type ContainerRecord, containerSpec, type TaskRecord } from '../task/task-record.ts';
import { firstHealth } from './decide-probe.ts';
import { runHandler, type TaskPlace } from './handler.ts';
import { ProbeWorker } from './probe-worker.ts';

export interface TaskProbesOptions {
  runtime: Pick<Runtime, 'run'>;
  /** Where the task listens. */
  place: () => TaskPlace;
  onChange: () => void;
  onFailure: (container: ContainerRecord, kind: ProbeKind, message: string) => void;
  onWarning: (container: ContainerRecord, kind: ProbeKind, message: string) => void;
  clock: Clock;
  logger: Logger;
}

export class TaskProbes {
  readonly #options: TaskProbesOptions;
  /** By container id. */
  readonly #workers = new Map<string, ProbeWorker>();

  constructor(options: TaskProbesOptions) {
    this.#options = options;
  }

  /** Workers for what runs; none for what has ended or is being stopped. */
  follow(record: TaskRecord): void {
    const probed = new Set<string>();
    for (const container of record.containers) {
      const spec = containerSpec(record, container);
      const { life } = container;
      if (life.state !== 'running' || life.isBeginning) continue;
      if (!hasProbes(spec) || stopOf(record, container)) continue;
      const { cid } = life;
      probed.add(cid);
      if (!this.#workers.has(cid)) this.#workers.set(cid, this.#start(container, spec));
    }
    for (const [cid, worker] of this.#workers) {
      if (probed.has(cid)) continue;
      this.#workers.delete(cid);
      void worker.stop();
    }
  }

  of(cid: string): ProbeWorker | undefined {
    return this.#workers.get(cid);
  }

  async stop(): Promise<void> {
    const workers = [...this.#workers.values()];
    this.#workers.clear();
    await Promise.all(workers.map((worker) => worker.stop()));
  }

  #start(record: ContainerRecord, container: Container): ProbeWorker {
    const { runtime, place, clock, logger, onChange, onFailure, onWarning } = this.#options;
    const life = record.life as Extract<ContainerRecord['life'], { state: 'running' }>;
    const target = { container, cid: life.cid, ...place(), runtime };
    return new ProbeWorker({
      container,
      health: life.health ?? firstHealth(container),
      startedAtMs: life.startedAtMs,
      attempt: (probe: Probe, signal) =>
        runHandler(probe, target, { timeoutMs: probe.timeoutSeconds * 1000, clock, signal }),
      onChange,
      onFailure: (kind, message) => onFailure(record, kind, message),
      onWarning: (kind, message) => onWarning(record, kind, message),
      clock,
      logger,
    }).start();
  }
}

export function hasProbes({ startupProbe, livenessProbe, readinessProbe }: Container): boolean {
  return [startupProbe, livenessProbe, readinessProbe].some((probe) => probe !== undefined);
}
