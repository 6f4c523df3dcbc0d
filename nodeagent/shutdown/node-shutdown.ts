/**
 * The machine shuts down: the node takes no more tasks and ends those it has, band by band, the lowest first,
 * each band within its share of the time that is left.
 *
 *   begin → node Ready=False, new tasks refused → band after band: TERM, its share, KILL → the API server told
 *
 * Invariant: it is over when the deadline is, whatever tasks do. It cannot be taken back: the agent that starts
 * next, with the machine, is ready again. An agent that merely ends leaves its tasks alone.
 */
import { firstToGo } from '../../api/kinds/priority-bands.ts';
import { type Clock, sleep } from '../../api/meta/clock.ts';
import type { Logger } from '../../api/meta/logger.ts';
import { type Eviction, isOver, type TaskRecord } from '../task/task-record.ts';

export interface ShutdownOptions {
  /** For all tasks together. */
  graceSeconds: number;
  agent: {
    readonly records: readonly TaskRecord[];
    readonly hasToldEnds: boolean;
    refuseTasks(refusal: Eviction): void;
    endForShutdown(uid: string, withinSeconds: number, eviction: Eviction): void;
  };
  /** The node is not ready any more. */
  onBegin: () => void;
  clock: Clock;
  logger: Logger;
}

const eviction: Eviction = { reason: 'NodeShutdown', message: 'the node is shutting down' };
const lookMs = 50;
/** What is killed when its time is over ends so soon; and so long the API server is waited for at last. */
const killedMs = 1000;
const toldMs = 5000;

export class NodeShutdown {
  readonly #options: ShutdownOptions;
  #run: Promise<void> | undefined;
  #notReady: Eviction | undefined;

  constructor(options: ShutdownOptions) {
    this.#options = options;
  }

  /** For the node's status: why it is not ready; undefined while nobody shuts it down. */
  get notReady(): Eviction | undefined {
    return this.#notReady;
  }

  /** May be called again; there is one shutdown. Resolves when nothing is left to wait for. */
  begin(): Promise<void> {
    this.#run ??= this.#shutDown();
    return this.#run;
  }

  /** Resolves at once when no shutdown has begun. */
  async whenDone(): Promise<void> {
    await this.#run;
  }

  async #shutDown(): Promise<void> {
    const { agent, clock, graceSeconds, logger, onBegin } = this.#options;
    const deadlineMs = clock.monotonicMs() + graceSeconds * 1000;
    agent.refuseTasks(eviction);
    this.#notReady = eviction;
    onBegin();
    const tried = new Set<string>();
    for (;;) {
      const left = agent.records.filter((record) => !isOver(record) && !tried.has(record.uid));
      const next = firstToGo(left, ({ task }) => task.spec.priority ?? 0);
      if (!next) break;
      const shareMs = Math.max(0, deadlineMs - clock.monotonicMs()) * next.share;
      logger.info({ band: next.band, tasks: next.tasks.length, shareMs }, 'shutting down');
      for (const { uid } of next.tasks) {
        tried.add(uid);
        agent.endForShutdown(uid, Math.round(shareMs / 100) / 10, eviction);
      }
      await this.#until(() => next.tasks.every(isOver), shareMs + killedMs);
    }
    await this.#until(() => agent.hasToldEnds, toldMs);
    logger.info({ isClean: agent.records.every(isOver) }, 'tasks have ended for the shutdown');
  }

  async #until(holds: () => boolean, withinMs: number): Promise<void> {
    const { clock } = this.#options;
    const untilMs = clock.monotonicMs() + withinMs;
    while (!holds() && clock.monotonicMs() < untilMs) await sleep(clock, lookMs);
  }
}
