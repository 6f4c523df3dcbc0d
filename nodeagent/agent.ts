/**
 * The node agent: compares the tasks bound to this node (informer) with those it holds (records and
 * runtime) and gives each its runner.
 *
 *   start:  load records → remove what no record names → adopt → watch exits → watch tasks
 *   change: syncOnce → decideNode → run, update, stop, confirm, forget
 *
 * Invariant: nothing is stopped because the control plane cannot be heard; only an object that is marked
 * deleted, over, or gone from a complete list ends a task.
 */
import { isDeepStrictEqual } from 'node:util';
import { Task } from '../api/kinds/resources.ts';
import { isTerminal } from '../api/kinds/task-phase.ts';
import { isAdmitted, withResources } from '../api/kinds/task-resize.ts';
import { hasReason } from '../api/meta/api-error.ts';
import { type Clock, systemClock } from '../api/meta/clock.ts';
import { InFlightLimit } from '../api/meta/in-flight-limit.ts';
import type { Logger } from '../api/meta/logger.ts';
import { Loop } from '../api/meta/loop.ts';
import type { Client, ObjectKey } from '../client/client.ts';
import type { EventRecorder } from '../client/event-recorder.ts';
import { Informer } from '../client/informer.ts';
import { WorkQueue } from '../client/work-queue.ts';
import { type Action, decideNode } from './decide-node.ts';
import type { NodeFacts } from './hooks/hook.ts';
import { ImagePuller } from './images/image-puller.ts';
import type { Runtime } from './runtime/runtime.ts';
import { isWorthTelling } from './stats/usage-report.ts';
import { statusPatch } from './task/status-patch.ts';
import { addEphemeral, type Eviction, liveCid, newRecord, type TaskRecord } from './task/task-record.ts';
import type { TaskRecords } from './task/task-records.ts';
import { TaskRunner } from './task/task-runner.ts';
import { taskStatus } from './task/task-status.ts';
import { ConfigSource } from './volumes/config-source.ts';
import { removeStrayDirectories } from './volumes/task-directory.ts';

export interface AgentOptions {
  client: Client;
  node: NodeFacts;
  runtime: Runtime;
  records: TaskRecords;
  /** Absent: one that knows the node's image directory and no more. */
  images?: ImagePuller;
  events: Pick<EventRecorder, 'record'>;
  /** What a task has used lately; absent where nothing is measured. */
  usageOf?: (uid: string) => Task['status']['usage'];
  logger: Logger;
  clock?: Clock;
}

const parallelStarts = 4;
const writers = 8;
/** How often room is looked for that a resize waits for. */
const retryResizesMs = 10_000;

export class NodeAgent {
  readonly #options: AgentOptions;
  readonly #clock: Clock;
  readonly #configs: ConfigSource;
  readonly #images: ImagePuller;
  readonly #tasks: Informer<Task>;
  readonly #runners = new Map<string, TaskRunner>();
  readonly #startSlots = new InFlightLimit(parallelStarts);
  /** Uids of tasks whose status, or end, the API server has to be told. */
  readonly #toTell = new WorkQueue();
  readonly #deferred: Loop;
  #refusal: Eviction | undefined;
  #stopped = false;
  #writers: Promise<void>[] = [];

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const { client, logger, node } = options;
    this.#configs = new ConfigSource(client, this.#clock);
    this.#images = options.images ?? new ImagePuller({ directory: node.imageDirectory, clock: this.#clock });
    const scope = { fieldSelector: `spec.nodeName=${node.name}` };
    this.#tasks = new Informer({ client, resource: Task, scope, logger });
    const step = () => this.#retryResizes();
    this.#deferred = new Loop({
      ...{ name: 'deferred-resizes', step, intervalMs: retryResizesMs, clock: this.#clock, logger },
    });
    this.#tasks.addIndex('uid', ({ metadata }) => [metadata.uid ?? '']);
  }

  /** Resolves when all that ran before is in hand again; the control plane need not be there. */
  async start(): Promise<void> {
    const { runtime, records } = this.#options;
    const known = await records.load();
    await this.#removeStrays(known);
    for (const record of known) this.#run(record);
    await runtime.watchExits((cid) => this.#onExit(cid));
    this.#writers = Array.from({ length: writers }, () => this.#write());
    this.#tasks.onChange(() => this.#syncOnce());
    this.#tasks.start();
    this.#deferred.start();
    void this.#tasks.whenSynced().then(() => this.#syncOnce());
  }

  /** Lets go of everything; tasks run on. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([this.#tasks.stop(), this.#deferred.stop()]);
    await Promise.all([...this.#runners.values()].map((runner) => runner.halt()));
    this.#toTell.clear();
    await this.#toTell.shutdown();
    await Promise.all(this.#writers);
    await Promise.all([this.#images.stop(), this.#options.runtime.close()]);
  }

  get records(): TaskRecord[] {
    return [...this.#runners.values()].map(({ record }) => record);
  }

  /** Ends a task for want of something on the node: it fails with reason Evicted. */
  evict(uid: string, eviction: Eviction, graceSeconds?: number): void {
    this.#runners.get(uid)?.evict(eviction, graceSeconds);
  }

  /** From now on tasks that come are refused for this reason. */
  refuseTasks(refusal: Eviction): void {
    this.#refusal = refusal;
  }

  /** Ends a task within so many seconds because the node shuts down. One that is ending already gets no longer. */
  endForShutdown(uid: string, withinSeconds: number, eviction: Eviction): void {
    const runner = this.#runners.get(uid);
    if (!runner) return;
    const { stop, task } = runner.record;
    if (stop) runner.stop((this.#clock.now() - stop.sinceMs) / 1000 + withinSeconds);
    else runner.evict(eviction, Math.min(withinSeconds, task.spec.terminationGracePeriodSeconds));
  }

  /** Whether the API server knows of every task's end. */
  get hasToldEnds(): boolean {
    return this.records.every(({ uid }) =>
      this.#tasks.cache.by('uid', uid).every(({ status }) => isTerminal(status.phase)),
    );
  }

  /** Ends every task that may run at most once; resolves when that is on disk. */
  async fence(message: string): Promise<void> {
    await Promise.all([...this.#runners.values()].map((runner) => runner.fence(message)));
  }

  /** Usage was measured: tasks whose status should tell are told of. */
  usageChanged(): void {
    for (const { uid, task } of this.records) {
      const usage = this.#options.usageOf?.(uid);
      if (usage && !isTerminal(task.status.phase) && isWorthTelling(task.status.usage, usage))
        this.#toTell.add(uid);
    }
  }

  /** What the runtime has but no record names is left from a start or a deletion cut short. */
  async #removeStrays(known: readonly TaskRecord[]): Promise<void> {
    const named = new Set(known.flatMap(({ containers }) => containers.map(liveCid)));
    const { node, runtime, logger } = this.#options;
    for (const cid of await runtime.list()) {
      if (named.has(cid)) continue;
      logger.info({ cid }, 'removing a container of no task');
      await runtime.delete(cid);
    }
    const uids = new Set(known.map(({ uid }) => uid));
    await node.networks?.removeStrays(uids);
    await node.fence?.keepOnly(uids);
    await removeStrayDirectories(node.volumeDirectory, uids);
  }

  #onExit(cid: string): void {
    for (const runner of this.#runners.values()) {
      if (runner.record.containers.some((container) => liveCid(container) === cid)) runner.wake();
    }
  }

  #syncOnce(): void {
    // Before the first complete list, absence means nothing.
    if (!this.#tasks.hasSynced || this.#stopped) return;
    for (const action of decideNode(this.#tasks.cache.list(), this.records)) this.#act(action);
  }

  #act(action: Action): void {
    switch (action.do) {
      case 'run':
        this.#run(this.#admit(newRecord(action.task, this.#clock.now())));
        break;
      case 'update': {
        const runner = this.#runners.get(action.task.metadata.uid ?? '');
        if (runner) update(runner, action.task);
        this.#toTell.add(action.task.metadata.uid ?? '');
        break;
      }
      case 'stop':
        this.#runners.get(action.uid)?.stop(action.graceSeconds);
        break;
      case 'confirm':
        this.#toTell.add(action.task.metadata.uid ?? '');
        break;
      case 'forget':
        this.#forget(action.uid);
        break;
    }
  }

  #admit(record: TaskRecord): TaskRecord {
    if (!this.#refusal) return record;
    return { ...record, eviction: this.#refusal, stop: { sinceMs: this.#clock.now(), graceSeconds: 0 } };
  }

  #run(record: TaskRecord): void {
    const { node, runtime, records, logger, events } = this.#options;
    const runner = new TaskRunner(record, {
      node,
      runtime,
      records,
      configs: this.#configs,
      images: this.#images,
      takenUserBases: () => new Set(this.records.flatMap(({ userRange }) => userRange?.base ?? [])),
      logger,
      clock: this.#clock,
      startSlots: this.#startSlots,
      onChange: ({ uid }) => this.#toTell.add(uid),
      onEvent: (task, happening) => events.record(task, happening),
    });
    this.#runners.set(record.uid, runner);
    void runner.whenCleaned().then(() => this.#syncOnce());
    runner.start();
  }

  #forget(uid: string): void {
    const runner = this.#runners.get(uid);
    this.#runners.delete(uid);
    void runner?.forget().catch((error: unknown) => {
      this.#options.logger.warn({ uid, err: error }, 'record of a task not removed');
    });
  }

  async #write(): Promise<void> {
    for (let uid = await this.#toTell.take(); uid !== undefined; uid = await this.#toTell.take()) {
      try {
        await this.#tell(uid);
        this.#toTell.forget(uid);
      } catch (error) {
        if (!this.#stopped) this.#toTell.retry(uid);
        this.#options.logger.debug({ uid, err: error }, 'status not written, trying again');
      }
      this.#toTell.done(uid);
    }
  }

  async #tell(uid: string): Promise<void> {
    const [task] = this.#tasks.cache.by('uid', uid);
    if (!task) return;
    const record = this.#runners.get(uid)?.record;
    if (task.metadata.deletionTimestamp && (!record || record.cleaned)) return this.#confirmEnd(task);
    if (record) return this.#report(task, record);
  }

  async #report(task: Task, record: TaskRecord): Promise<void> {
    const { client, node, logger } = this.#options;
    // What the agent has seen, and beside it what the server knows.
    const seen = { ...record.task, status: task.status };
    const status = taskStatus({ ...record, task: seen }, node.address, this.#clock.now());
    const usage = this.#options.usageOf?.(record.uid);
    if (usage && isWorthTelling(task.status.usage, usage)) status.usage = usage;
    // A deleted task did not fail: its end is told by its removal. And what is over stays as it was reported.
    if (task.metadata.deletionTimestamp && isTerminal(status.phase)) return;
    if (isTerminal(task.status.phase) && task.status.phase !== status.phase) return;
    const changes = statusPatch(task.status, status);
    if (!changes) return;
    const patch = { type: 'merge' as const, body: { status: changes } };
    try {
      await client.patch(Task, keyOfTask(task), patch, { subresource: 'status' });
    } catch (error) {
      if (!hasReason(error, 'NotFound', 'Invalid', 'Conflict')) throw error;
      logger.info({ task: task.metadata.name, err: error }, 'the status was not wanted');
    }
  }

  /** An empty change asks for nothing new: the server looks again whether there is room by now. */
  async #retryResizes(): Promise<void> {
    for (const { uid } of this.records) {
      const [task] = this.#tasks.cache.by('uid', uid);
      const waits = task && !isTerminal(task.status.phase) && !task.metadata.deletionTimestamp;
      if (!waits || isAdmitted(task)) continue;
      const change = { type: 'merge' as const, body: {} };
      try {
        await this.#options.client.patch(Task, keyOfTask(task), change, { subresource: 'resize' });
      } catch (error) {
        if (!hasReason(error, 'NotFound', 'Invalid', 'Conflict')) throw error;
      }
    }
  }

  async #confirmEnd(task: Task): Promise<void> {
    const { uid } = task.metadata;
    try {
      await this.#options.client.delete(Task, keyOfTask(task), {
        gracePeriodSeconds: 0,
        ...(uid === undefined ? {} : { preconditions: { uid } }),
      });
    } catch (error) {
      if (!hasReason(error, 'NotFound', 'Conflict')) throw error;
    }
  }
}

/** Until a resize is admitted, the task runs with the resources it had. */
function update(runner: TaskRunner, task: Task): void {
  const { record } = runner;
  const before = record.task;
  const spec = isAdmitted(task) ? task.spec : withResources(task.spec, before.spec);
  record.task = spec === task.spec ? task : { ...task, spec };
  addEphemeral(record);
  if (!isDeepStrictEqual(spec, before.spec)) runner.wake();
}

function keyOfTask({ metadata }: Task): ObjectKey {
  return { namespace: metadata.namespace ?? '', name: metadata.name };
}
