/**
 * What a running container gets besides running: its postStart hook, its probes, new resources, and before
 * its end its preStop hook. Part of the runner's turn: it changes the record only while `attend` or `prepareEnd` runs.
 */
import type { Clock } from '../../api/meta/clock.ts';
import type { Logger } from '../../api/meta/logger.ts';
import type { Happening } from '../../client/event-recorder.ts';
import type { NodeFacts } from '../hooks/hook.ts';
import type { TaskPlace } from '../probes/handler.ts';
import { TaskProbes } from '../probes/task-probes.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { allDone } from './all-done.ts';
import { LifecycleHooks } from './lifecycle-hooks.ts';
import { Resizer } from './resize.ts';
import { stopOf } from './task-order.ts';
import { type ContainerRecord, containerSpec, liveCid, type TaskRecord } from './task-record.ts';

export interface ContainerCareOptions {
  runtime: Pick<Runtime, 'run' | 'update'>;
  node: NodeFacts;
  save: () => Promise<void>;
  /** There is something to attend to. */
  wake: () => void;
  onEvent: (type: Happening['type'], reason: string, message: string) => void;
  clock: Clock;
  logger: Logger;
}

/** Kubernetes waits for ever; a hook that hangs would hold its container back unseen. */
const maxPostStartMs = 600_000;

export class ContainerCare {
  readonly #record: TaskRecord;
  readonly #options: ContainerCareOptions;
  readonly #probes: TaskProbes;
  readonly #hooks: LifecycleHooks;
  readonly #resizer: Resizer;

  constructor(record: TaskRecord, options: ContainerCareOptions) {
    this.#record = record;
    this.#options = options;
    const { runtime, node, clock, logger, wake, onEvent, save } = options;
    const place = (): TaskPlace => ({
      address: record.address ?? node.address,
      hostNetwork: record.task.spec.hostNetwork ?? true,
    });
    this.#probes = new TaskProbes({
      ...{ runtime, place, clock, logger, onChange: wake },
      onFailure: ({ name }, kind, message) =>
        onEvent('Warning', 'Unhealthy', `${kind} probe of container ${name} failed: ${message}`),
      onWarning: ({ name }, kind, message) =>
        onEvent('Warning', 'ProbeWarning', `${kind} probe of container ${name}: ${message}`),
    });
    this.#resizer = new Resizer(record, { node, runtime, save, onEvent, nowMs: () => clock.now() });
    this.#hooks = new LifecycleHooks({ runtime, place, clock, onEnd: wake });
  }

  async attend(): Promise<void> {
    const { containers } = this.#record;
    this.#hooks.keepOnly(new Set(containers.flatMap((container) => liveCid(container) ?? [])));
    await allDone(containers.map((container) => this.#begin(container)));
    await allDone(containers.map((container) => this.#applyHealth(container)));
    await this.#resizer.attend();
    this.#probes.follow(this.#record);
  }

  async stop(): Promise<void> {
    await Promise.all([this.#probes.stop(), this.#hooks.stop()]);
  }

  /** Its postStart hook, until that is done. */
  async #begin(container: ContainerRecord): Promise<void> {
    const { life } = container;
    if (life.state !== 'running' || !life.isBeginning || stopOf(this.#record, container)) return;
    const spec = containerSpec(this.#record, container);
    const outcome = this.#hooks.run('postStart', life.cid, { container: spec, timeoutMs: maxPostStartMs });
    if (!outcome) return;
    life.isBeginning = false;
    if (!outcome.good) {
      const message = `postStart hook failed: ${outcome.message}`;
      const graceSeconds = this.#record.task.spec.terminationGracePeriodSeconds;
      this.#options.onEvent('Warning', 'FailedPostStartHook', `container ${container.name}: ${message}`);
      life.stop = { sinceMs: this.#options.clock.now(), graceSeconds, message };
    }
    await this.#options.save();
  }

  /** Its preStop hook, until that is done or the grace over. */
  async prepareEnd(container: ContainerRecord, killAtMs: number): Promise<void> {
    const { life } = container;
    if (life.state !== 'running') return;
    const spec = containerSpec(this.#record, container);
    const timeoutMs = killAtMs - this.#options.clock.now();
    const outcome = this.#hooks.run('preStop', life.cid, { container: spec, timeoutMs });
    if (!outcome) return;
    if (!outcome.good)
      this.#options.onEvent(
        'Warning',
        'FailedPreStopHook',
        `container ${container.name}: ${outcome.message}`,
      );
    life.isPrepared = true;
    await this.#options.save();
    this.#options.wake();
  }

  /** Takes over what the probes have found out; a deadly failure is the container's end. */
  async #applyHealth(container: ContainerRecord): Promise<void> {
    const { life } = container;
    if (life.state !== 'running' || life.stop) return;
    const worker = this.#probes.of(life.cid);
    if (!worker || (worker.health === life.health && !worker.fatal)) return;
    life.health = worker.health;
    if (worker.fatal) {
      const { kind, message } = worker.fatal;
      const { terminationGracePeriodSeconds } = this.#record.task.spec;
      const graceSeconds =
        containerSpec(this.#record, container)[`${kind}Probe`]?.terminationGracePeriodSeconds ??
        terminationGracePeriodSeconds;
      const why = `${kind} probe failed: ${message}`;
      life.stop = { sinceMs: this.#options.clock.now(), graceSeconds, message: why };
      life.health = { ...life.health, ready: false };
    }
    await this.#options.save();
  }
}
