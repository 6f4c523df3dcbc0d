/**
 * Looks every two seconds whether the node runs out of something, makes room on the disk, and ends tasks in the
 * order of `decideEviction` while that is not enough. Tasks that take more of the disk than they may go whenever
 * the disk was measured, however much is left.
 */
import { taskRequests } from '../../api/kinds/task-request.ts';
import { type Clock, systemClock } from '../../api/meta/clock.ts';
import type { NewCondition } from '../../api/meta/conditions.ts';
import type { Logger } from '../../api/meta/logger.ts';
import { Loop } from '../../api/meta/loop.ts';
import type { TaskUsage, UsageSampler } from '../stats/usage-sampler.ts';
import { type Eviction, isOver, type TaskRecord } from '../task/task-record.ts';
import {
  type Candidate,
  decideEviction,
  type EvictionView,
  type Memory,
  noMemory,
  type Pressure,
} from './decide-eviction.ts';
import { overStorageLimit } from './storage-limits.ts';
import type { Threshold } from './thresholds.ts';

export interface EvictorOptions {
  thresholds: readonly Threshold[];
  transitionMs: number;
  observe: () => Promise<EvictionView['observations']>;
  usage: Pick<UsageSampler, 'refresh' | 'measureDisk' | 'onDisk' | 'storage' | 'tasks'>;
  records: () => readonly TaskRecord[];
  evict: (uid: string, eviction: Eviction, graceSeconds?: number) => void;
  /** Makes room without touching a task that runs. */
  reclaimDisk: () => Promise<void>;
  /** The conditions are others now. */
  onChange: () => void;
  logger: Logger;
  clock?: Clock;
}

const intervalMs = 2000;
/** So long nothing more is looked for on the disk after it was tidied up. */
const reclaimAgainMs = 300_000;

export class Evictor {
  readonly #options: EvictorOptions;
  readonly #clock: Clock;
  readonly #loop: Loop;
  #memory: Memory = noMemory;
  #pressures = new Map<Pressure, string>();
  #reclaimedMs = Number.NEGATIVE_INFINITY;

  constructor(options: EvictorOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const { logger } = options;
    this.#loop = new Loop({
      ...{ name: 'eviction', clock: this.#clock, logger, intervalMs },
      step: () => this.turn(),
    });
    options.usage.onDisk(() => this.#enforceLimits());
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** For the node's status. */
  conditions(): NewCondition[] {
    return words.map(({ type, pressed, relaxed }) => {
      const message = this.#pressures.get(type);
      return message === undefined
        ? { type, status: 'False', reason: relaxed }
        : { type, status: 'True', reason: pressed, message };
    });
  }

  async turn(): Promise<void> {
    const { observe, thresholds, transitionMs, records, usage, evict, logger } = this.#options;
    const view = {
      ...{ observations: await observe(), thresholds, transitionMs, nowMs: this.#clock.monotonicMs() },
      isEnding: records().some((record) => record.eviction !== undefined && !record.cleaned),
      isDiskReclaimed: this.#clock.monotonicMs() - this.#reclaimedMs < reclaimAgainMs,
    };
    const relaxed = decideEviction({ ...view, tasks: [] }, this.#memory);
    if (relaxed.reclaimDisk) {
      logger.info({}, 'the disk is nearly full: removing what no task needs');
      this.#reclaimedMs = this.#clock.monotonicMs();
      await this.#options.reclaimDisk();
    }
    const isPressed = relaxed.pressures.size > 0;
    // Who uses how much is measured only when somebody may have to go.
    if (isPressed) await usage.refresh();
    if (relaxed.pressures.has('DiskPressure')) await usage.measureDisk();
    const tasks = isPressed ? this.#remaining().map(candidate) : [];
    const decision = decideEviction({ ...view, tasks }, this.#memory);
    this.#memory = decision.memory;
    this.#tell(decision.pressures);
    if (decision.evict) {
      const { uid, graceSeconds, message } = decision.evict;
      evict(uid, { reason: 'Evicted', message }, graceSeconds);
    }
  }

  async #enforceLimits(): Promise<void> {
    const { usage, evict } = this.#options;
    for (const task of usage.storage()) {
      const message = isEnding(task.record) ? undefined : overStorageLimit(task);
      if (message !== undefined) evict(task.record.uid, { reason: 'Evicted', message, isOwnFault: true }, 0);
    }
  }

  #remaining(): TaskUsage[] {
    return this.#options.usage.tasks().filter(({ record }) => !isEnding(record));
  }

  #tell(pressures: Map<Pressure, string>): void {
    const before = this.#pressures;
    this.#pressures = pressures;
    if (words.some(({ type }) => before.has(type) !== pressures.has(type))) this.#options.onChange();
    // A message that changes with every look would be a write with every look.
    for (const [pressure, message] of before) if (pressures.has(pressure)) pressures.set(pressure, message);
  }
}

const words: readonly { type: Pressure; pressed: string; relaxed: string }[] = [
  { type: 'MemoryPressure', pressed: 'AgentHasInsufficientMemory', relaxed: 'AgentHasSufficientMemory' },
  { type: 'DiskPressure', pressed: 'AgentHasDiskPressure', relaxed: 'AgentHasNoDiskPressure' },
  { type: 'PIDPressure', pressed: 'AgentHasInsufficientPID', relaxed: 'AgentHasSufficientPID' },
];

function isEnding(record: TaskRecord): boolean {
  return record.stop !== undefined || isOver(record);
}

function candidate({ record, measured, disk }: TaskUsage): Candidate {
  const { spec } = record.task;
  const requests = taskRequests(spec);
  return {
    uid: record.uid,
    priority: spec.priority ?? 0,
    requestedMemoryBytes: requests['memory'] ?? 0,
    memoryBytes: measured.usage.workingSetBytes,
    requestedDiskBytes: requests['ephemeral-storage'] ?? 0,
    diskBytes: disk?.usedBytes ?? 0,
    inodes: disk?.inodes ?? 0,
    processes: measured.usage.pids,
  };
}
