/**
 * Measures what the node, its tasks and their containers use: cgroup counters every ten seconds, or when
 * somebody asks and the last ones are old; disk once a minute. Everything is kept in memory, in windows
 * of five minutes.
 *
 *   counters → UsageWindow → /stats/summary, metrics, task status.usage, eviction
 */
import type { TaskStatus } from '../../api/kinds/task.ts';
import { type Clock, systemClock } from '../../api/meta/clock.ts';
import type { Logger } from '../../api/meta/logger.ts';
import { Loop } from '../../api/meta/loop.ts';
import { timestamp } from '../../api/meta/object-meta.ts';
import { formatBytes, formatMilliCpu } from '../../api/meta/quantity.ts';
import type { Cgroups, GroupUsage } from '../cgroup/cgroups.ts';
import { liveCid, type TaskRecord } from '../task/task-record.ts';
import { type DiskUsage, diskUsage } from './disk-usage.ts';
import { machineUsage } from './machine-usage.ts';
import { type Amounts, type Measured, UsageWindow } from './usage-window.ts';

export interface UsageSamplerOptions {
  cgroups: Cgroups;
  /** `/gantry/<node>`: parent of the tasks' groups. */
  cgroupParent: string;
  /** Other nodes run on this machine: what this one uses is what its tasks use. */
  sharedMachine: boolean;
  records: () => readonly TaskRecord[];
  directoriesOf: (record: TaskRecord) => TaskDirectories;
  /** Where a container's own files are. */
  filesOf: (cid: string) => string;
  logger: Logger;
  clock?: Clock;
}

/** Everything a task has on disk, apart from its containers' own files. */
export interface TaskDirectories {
  /** Of its empty volumes on the disk, by name, and of its containers' logs, by container. */
  volumes: ReadonlyMap<string, string>;
  logs: ReadonlyMap<string, string>;
  /** May be around those: what is in them is not counted again. */
  others: readonly string[];
}

interface ContainerFiles {
  name: string;
  startedAtMs: number;
  rootfs?: DiskUsage;
  logs?: DiskUsage;
}

interface ContainerStorage extends ContainerFiles {
  cid: string;
}

export interface ContainerUsage extends ContainerFiles {
  measured: Measured;
}

export interface TaskStorage {
  record: TaskRecord;
  containers: ContainerStorage[];
  /** Volumes, logs and containers' own files. */
  disk?: DiskUsage;
  /** Its empty volumes on the disk, by name. */
  volumes: ReadonlyMap<string, DiskUsage>;
}

export interface TaskUsage extends Omit<TaskStorage, 'containers'> {
  measured: Measured;
  containers: ContainerUsage[];
}

export interface NodeUsage {
  measured: Measured;
  /** All tasks together. */
  tasks: Measured;
}

const intervalMs = 10_000;
const freshMs = 2000;
const diskIntervalMs = 60_000;
/** Less says nothing of the next minutes. */
const shortestStatusMs = 30_000;

type Series = Map<string, UsageWindow>;

export class UsageSampler {
  readonly #options: UsageSamplerOptions;
  readonly #clock: Clock;
  readonly #loop: Loop;
  readonly #diskLoop: Loop;
  readonly #node = new UsageWindow();
  readonly #allTasks = new UsageWindow();
  #tasks: Series = new Map();
  #containers: Series = new Map();
  #disk = new Map<string, DiskUsage>();
  #onSample: () => void = () => {};
  #onDisk: () => Promise<void> = async () => {};
  #sampledMs = Number.NEGATIVE_INFINITY;

  constructor(options: UsageSamplerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const loop = { clock: this.#clock, logger: options.logger };
    this.#loop = new Loop({ ...loop, name: 'usage', step: () => this.#turn(), intervalMs });
    this.#diskLoop = new Loop({
      ...{ ...loop, name: 'disk-usage', intervalMs: diskIntervalMs },
      step: () => this.#diskTurn(),
    });
  }

  start(): this {
    this.#loop.start();
    this.#diskLoop.start();
    return this;
  }

  /** Called after every regular measurement. */
  onSample(listener: () => void): void {
    this.#onSample = listener;
  }

  /** Called after every regular measurement of the disk. */
  onDisk(listener: () => Promise<void>): void {
    this.#onDisk = listener;
  }

  async stop(): Promise<void> {
    await Promise.all([this.#loop.stop(), this.#diskLoop.stop()]);
  }

  /** Measures now, unless that was done a moment ago. */
  async refresh(): Promise<void> {
    if (this.#clock.monotonicMs() - this.#sampledMs >= freshMs) await this.#sample();
  }

  /** Undefined before the first measurement. */
  node(): NodeUsage | undefined {
    const [measured, tasks] = [this.#node.latest, this.#allTasks.latest];
    return measured && tasks && { measured, tasks };
  }

  /** Tasks that have been measured and have containers now. */
  tasks(): TaskUsage[] {
    return this.storage().flatMap(({ record, containers, ...storage }) => {
      const measured = this.#tasks.get(record.uid)?.latest;
      return measured ? [{ ...storage, record, measured, containers: this.#measuredOnly(containers) }] : [];
    });
  }

  /** What tasks that have containers now took of the disk when it was last measured, however young they are. */
  storage(): TaskStorage[] {
    return this.#options
      .records()
      .filter(isLive)
      .map((record) => {
        const directories = this.#options.directoriesOf(record);
        const disk = sumOf(this.#pathsOf(record).map((path) => this.#disk.get(path)));
        const containers = this.#containersOf(record, directories);
        const volumes = this.#measuredOf(directories.volumes);
        return { record, containers, volumes, ...(disk ? { disk } : {}) };
      });
  }

  /** What a task's status tells of its last minutes; undefined while too little is known. */
  statusOf(uid: string): TaskStatus['usage'] {
    const quantiles = this.#tasks.get(uid)?.quantiles();
    if (!quantiles || quantiles.windowMs < shortestStatusMs) return undefined;
    const { p50, p95, p99, peak, windowMs } = quantiles;
    return {
      time: timestamp(this.#clock.now()),
      windowSeconds: Math.round(windowMs / 1000),
      ...{ p50: quantities(p50), p95: quantities(p95), p99: quantities(p99), peak: quantities(peak) },
    };
  }

  async measureDisk(): Promise<void> {
    this.#disk = await diskUsage(this.#options.records().flatMap((record) => this.#pathsOf(record)));
  }

  async #turn(): Promise<void> {
    await this.#sample();
    this.#onSample();
  }

  async #diskTurn(): Promise<void> {
    await this.measureDisk();
    await this.#onDisk();
  }

  async #sample(): Promise<void> {
    this.#sampledMs = this.#clock.monotonicMs();
    const { cgroups, cgroupParent, sharedMachine, records } = this.#options;
    const parent = cgroups.usage(cgroupParent);
    this.#add(this.#allTasks, parent);
    this.#add(this.#node, sharedMachine ? parent : await machineUsage());
    const tasks: Series = new Map();
    const containers: Series = new Map();
    for (const record of records().filter(isLive)) {
      const group = `${cgroupParent}/${record.uid}`;
      this.#measure(tasks, this.#tasks, { key: record.uid, group, beganAtMs: record.startedAtMs });
      for (const { life } of record.containers) {
        if (life.state !== 'running') continue;
        const { cid, startedAtMs: beganAtMs } = life;
        this.#measure(containers, this.#containers, { key: cid, group: `${group}/${cid}`, beganAtMs });
      }
    }
    [this.#tasks, this.#containers] = [tasks, containers];
  }

  #measure(
    next: Series,
    before: Series,
    { key, group, beganAtMs }: { key: string; group: string; beganAtMs: number },
  ): void {
    const usage = this.#options.cgroups.usage(group);
    // Nothing has run in it, or it is gone.
    if (usage.cpuNanos === 0) return;
    const ageMs = Math.max(0, this.#clock.now() - beganAtMs);
    const window = before.get(key) ?? new UsageWindow(this.#clock.monotonicMs() - ageMs);
    this.#add(window, usage);
    next.set(key, window);
  }

  #add(window: UsageWindow, usage: GroupUsage): void {
    window.add({ monotonicMs: this.#clock.monotonicMs(), atMs: this.#clock.now(), usage });
  }

  #containersOf(record: TaskRecord, directories: TaskDirectories): ContainerStorage[] {
    const logsOf = this.#measuredOf(directories.logs);
    return record.containers.flatMap(({ name, life }) => {
      if (life.state !== 'running') return [];
      const rootfs = this.#disk.get(this.#options.filesOf(life.cid));
      const { cid, startedAtMs } = life;
      const logs = logsOf.get(name);
      return [{ name, cid, startedAtMs, ...(rootfs ? { rootfs } : {}), ...(logs ? { logs } : {}) }];
    });
  }

  #measuredOnly(containers: readonly ContainerStorage[]): ContainerUsage[] {
    return containers.flatMap(({ cid, ...container }) => {
      const measured = this.#containers.get(cid)?.latest;
      return measured ? [{ ...container, measured }] : [];
    });
  }

  #measuredOf(directories: ReadonlyMap<string, string>): Map<string, DiskUsage> {
    return new Map(
      [...directories].flatMap(([name, path]): [string, DiskUsage][] => {
        const usage = this.#disk.get(path);
        return usage ? [[name, usage]] : [];
      }),
    );
  }

  /** What is counted by itself comes before what is around it. */
  #pathsOf(record: TaskRecord): string[] {
    const { filesOf, directoriesOf } = this.#options;
    const { volumes, logs, others } = directoriesOf(record);
    const cids = record.containers.flatMap((container) => liveCid(container) ?? []);
    return [...volumes.values(), ...logs.values(), ...others, ...cids.map(filesOf)];
  }
}

function isLive({ containers }: TaskRecord): boolean {
  return containers.some((container) => liveCid(container) !== undefined);
}

function quantities({ cpuMilli, memoryBytes }: Amounts): Record<string, string> {
  return { cpu: formatMilliCpu(cpuMilli), memory: formatBytes(memoryBytes) };
}

function sumOf(parts: readonly (DiskUsage | undefined)[]): DiskUsage | undefined {
  const known = parts.filter((part) => part !== undefined);
  if (known.length === 0) return undefined;
  return known.reduce((sum, { usedBytes, inodes }) => ({
    usedBytes: sum.usedBytes + usedBytes,
    inodes: sum.inodes + inodes,
  }));
}
