/**
 * Cores of their own for containers that ask for whole ones in a Guaranteed task (kubelet's static cpu policy). All
 * others share the rest, which shrinks and grows with that.
 *
 * Invariant: who has which core is in the records, on disk, before a container starts with it; nobody else is
 * put on it from then on, and whoever was there before is moved away.
 */
import type { Container } from '../../api/kinds/task-spec.ts';
import type { Logger } from '../../api/meta/logger.ts';
import { Loop } from '../../api/meta/loop.ts';
import type { Cgroups } from '../cgroup/cgroups.ts';
import { type ContainerRecord, isOver, liveCid, type TaskRecord } from '../task/task-record.ts';
import { chooseCpus, ownCpuCount } from './choose-cpus.ts';
import { formatCpuList, parseCpuList } from './cpu-list.ts';

export interface CpuPoolOptions {
  /** The logical cpus of the machine, and which physical core each is a thread of. */
  cpus: ReadonlyMap<number, string>;
  /** So many, the first ones, are never given away. */
  reserved: number;
  records: () => readonly TaskRecord[];
  cgroups: Pick<Cgroups, 'cpus' | 'setCpus'>;
  /** The group of a task; those of its containers are below it. */
  groupOf: (record: TaskRecord) => string;
  logger: Logger;
}

/** How often cores of containers that ended go back to the others. */
const settleMs = 10_000;

export class CpuPool {
  readonly #options: CpuPoolOptions;
  readonly #all: readonly number[];
  readonly #loop: Loop;

  constructor(options: CpuPoolOptions) {
    this.#options = options;
    this.#all = [...options.cpus.keys()];
    const step = () => this.#settle();
    this.#loop = new Loop({ name: 'cpu-pool', step, intervalMs: settleMs, logger: options.logger });
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /**
   * The cores the container is to run on, as in cpuset.cpus; what is its alone is written into its record.
   * Undefined: too few are free now.
   */
  async assign(task: TaskRecord, container: Container, own: ContainerRecord): Promise<string | undefined> {
    const count = ownCpuCount(task.task.spec, container);
    if (count === 0) delete own.cpus;
    else if (own.cpus === undefined || parseCpuList(own.cpus).length !== count) {
      const taken = this.#taken(own);
      const free = this.#all.slice(this.#options.reserved).filter((cpu) => !taken.has(cpu));
      const chosen = chooseCpus(free, count, (cpu) => this.#options.cpus.get(cpu) ?? '');
      if (!chosen) return undefined;
      own.cpus = formatCpuList(chosen);
    }
    await this.#settle();
    return own.cpus ?? this.#shared();
  }

  /** What containers other than `own` have alone. */
  #taken(own?: ContainerRecord): Set<number> {
    const held = this.#options
      .records()
      .filter((record) => !isOver(record))
      .flatMap(({ containers }) => containers)
      .filter((container) => container !== own && container.life.state !== 'ended');
    return new Set(held.flatMap(({ cpus = '' }) => parseCpuList(cpus)));
  }

  #shared(): string {
    const taken = this.#taken();
    return formatCpuList(this.#all.filter((cpu) => !taken.has(cpu)));
  }

  /** Goes by what the kernel has, not by what was written last. */
  async #settle(): Promise<void> {
    const { records, cgroups, groupOf, logger } = this.#options;
    const shared = this.#shared();
    for (const record of records()) {
      for (const container of record.containers) {
        const cid = liveCid(container);
        if (cid === undefined) continue;
        const path = `${groupOf(record)}/${cid}`;
        const wanted = container.cpus ?? shared;
        const present = cgroups.cpus(path);
        // It is not there yet, or no more.
        if (present === undefined || present === wanted) continue;
        await cgroups.setCpus(path, wanted).catch((error: unknown) => {
          logger.warn({ cid, wanted, err: error }, 'a container stays on the cores it has');
        });
      }
    }
  }
}
