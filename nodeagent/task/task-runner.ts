/**
 * The worker of one task: decides, acts, records, again, until nothing is left of it. One turn at a time.
 *
 *   observe running containers → decideTask(record, now) → act → save record → tell the reporter
 *
 * Invariant: the record on disk is never behind what the runtime was told: a container's id is saved
 * before it is made, so an agent killed at any point finds everything again.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Task } from '../../api/kinds/resources.ts';
import { type Clock, systemClock } from '../../api/meta/clock.ts';
import type { InFlightLimit } from '../../api/meta/in-flight-limit.ts';
import type { Logger } from '../../api/meta/logger.ts';
import { Loop } from '../../api/meta/loop.ts';
import type { Happening } from '../../client/event-recorder.ts';
import { removeTaskCgroup } from '../hooks/cgroup.ts';
import { type NodeFacts, type Postponement, prepare, type Start } from '../hooks/hook.ts';
import { imageOwner } from '../hooks/image.ts';
import { lastWords } from '../hooks/termination.ts';
import type { ImagePuller } from '../images/image-puller.ts';
import { firstHealth } from '../probes/decide-probe.ts';
import { hasProbes } from '../probes/task-probes.ts';
import type { Refusal, Runtime } from '../runtime/runtime.ts';
import type { ConfigSource } from '../volumes/config-source.ts';
import { removeTaskDirectory, taskDirectory } from '../volumes/task-directory.ts';
import { TaskVolumes } from '../volumes/task-volumes.ts';
import { allDone } from './all-done.ts';
import { ContainerCare } from './container-care.ts';
import { decideTask, type Step } from './decide-task.ts';
import { decideRestart, preparationDelayMs, restartPolicyOf } from './restart-policy.ts';
import { isEnding, isEphemeral, stopOf } from './task-order.ts';
import {
  type ContainerRecord,
  containerId,
  containerSpec,
  type Eviction,
  isOver,
  liveCid,
  type TaskRecord,
  type Termination,
} from './task-record.ts';
import type { TaskRecords } from './task-records.ts';
import { exited, refused, tooLate, vanished } from './terminations.ts';

export interface RunnerContext {
  node: NodeFacts;
  runtime: Runtime;
  records: TaskRecords;
  configs: Pick<ConfigSource, 'read'>;
  images: Pick<ImagePuller, 'ensure' | 'forget'>;
  takenUserBases: () => ReadonlySet<number>;
  /** Starts at once, over all tasks: each costs a few processes. */
  startSlots: InFlightLimit;
  /** The record changed: its status may have. */
  onChange: (record: TaskRecord) => void;
  onEvent: (task: Task, happening: Happening) => void;
  logger: Logger;
  clock?: Clock;
}

/** Running containers are looked at this often even if no exit was reported. */
const checkMs = 10_000;
/** A running container that cannot be found is looked for this long, this often. */
const missingMs = 2000;
const missingCheckMs = 100;

export class TaskRunner {
  readonly record: TaskRecord;
  readonly #context: RunnerContext;
  readonly #clock: Clock;
  readonly #loop: Loop;
  readonly #care: ContainerCare;
  readonly #volumes: TaskVolumes;
  readonly #logger: Logger;
  readonly #whenCleaned: Promise<void>;
  #cleaned: () => void = () => {};
  readonly #missingSinceMs = new Map<string, number>();
  #checkSoon = false;

  constructor(record: TaskRecord, context: RunnerContext) {
    this.record = record;
    this.#context = context;
    this.#clock = context.clock ?? systemClock;
    this.#logger = context.logger;
    this.#whenCleaned = new Promise((resolve) => {
      this.#cleaned = resolve;
    });
    this.#volumes = new TaskVolumes(context.node, record, context.configs);
    this.#care = new ContainerCare(record, {
      runtime: context.runtime,
      node: context.node,
      save: () => this.#save(),
      wake: () => this.wake(),
      onEvent: (type, reason, message) => this.#event(type, reason, message),
      clock: this.#clock,
      logger: context.logger,
    });
    this.#loop = new Loop({
      name: 'task',
      step: () => this.#turn(),
      intervalMs: checkMs,
      clock: this.#clock,
      logger: context.logger,
    });
  }

  start(): void {
    this.#loop.start();
  }

  /** Something may have happened: look now. */
  wake(): void {
    this.#loop.wake();
  }

  /** Lets go of the task; its containers run on. */
  async halt(): Promise<void> {
    await this.#loop.stop();
    await Promise.all([this.#care.stop(), this.#volumes.settled()]);
  }

  /** Ends the task; a second call can only shorten the grace. */
  stop(graceSeconds: number): void {
    const { stop } = this.record;
    if (stop && stop.graceSeconds <= graceSeconds) return;
    this.record.stop = stop ? { ...stop, graceSeconds } : { sinceMs: this.#clock.now(), graceSeconds };
    this.wake();
  }

  /** Ends the task because the node cannot keep it; absent grace: its own. */
  evict(eviction: Eviction, graceSeconds?: number): void {
    if (this.record.stop) return;
    this.record.eviction = eviction;
    this.#event('Warning', eviction.reason, eviction.message);
    this.stop(graceSeconds ?? this.record.task.spec.terminationGracePeriodSeconds);
  }

  /** Ends the task because the node's lease has run out: it must not run any more, and is not started again. */
  async fence(message: string): Promise<void> {
    const { record } = this;
    if (!record.isClaimed || record.fenced !== undefined || isOver(record)) return;
    record.fenced = message;
    this.#event('Warning', 'Fenced', message);
    this.stop(0);
    await this.#save();
  }

  /** Resolves when no process, mount or group of the task is left. */
  whenCleaned(): Promise<void> {
    return this.#whenCleaned;
  }

  /** Forgets the task altogether: its logs and its record. */
  async forget(): Promise<void> {
    await this.halt();
    await rm(join(this.#context.node.logDirectory, this.record.uid), { recursive: true, force: true });
    await this.#context.records.remove(this.record.uid);
  }

  async #turn(): Promise<number> {
    this.#checkSoon = false;
    const { fence } = this.#context.node;
    if (fence?.hasPassed()) await this.fence(fence.message);
    await allDone(this.record.containers.map((container) => this.#observe(container)));
    await this.#care.attend();
    if (this.record.containers.some((container) => liveCid(container))) this.#volumes.refresh();
    const { steps, nextAtMs } = decideTask(this.record, this.#clock.now());
    await allDone(steps.map((step) => this.#act(step)));
    if (this.record.cleaned) this.#cleaned();
    // After a step there may be another one at once.
    if (steps.some((step) => step.do === 'abandon' || step.do === 'start')) return 0;
    const pauseMs = this.#checkSoon ? missingCheckMs : checkMs;
    return Math.max(0, Math.min(pauseMs, (nextAtMs ?? Number.POSITIVE_INFINITY) - this.#clock.now()));
  }

  /** Finds out what became of a container that was there when last seen. */
  async #observe(container: ContainerRecord): Promise<void> {
    const cid = liveCid(container);
    if (cid === undefined) return;
    const state = await this.#context.runtime.state(cid);
    if (state.status === 'running') {
      // Started by an agent that died before it could write that down.
      if (container.life.state === 'starting') await this.#setRunning(container, cid, state.pid);
    } else if (state.status === 'exited') {
      await this.#end(container, exited(cid, state));
    } else if (container.life.state === 'starting') {
      // Half made by an agent that died: nothing of it has run, so it is made anew, and counts once.
      if (container.last) container.restartCount--;
      container.life = { state: 'waiting', reason: 'ContainerCreating', retryAtMs: 0 };
      await this.#save();
      await this.#context.runtime.delete(cid);
    } else if (!this.#isMissingForLong(cid)) {
      this.#checkSoon = true;
    } else {
      await this.#end(container, vanished(cid, this.#clock.now()));
    }
  }

  /** Between the end of a process and its exit file there is a moment when neither is to be seen. */
  #isMissingForLong(cid: string): boolean {
    const nowMs = this.#clock.monotonicMs();
    const sinceMs = this.#missingSinceMs.get(cid) ?? nowMs;
    this.#missingSinceMs.set(cid, sinceMs);
    return nowMs - sinceMs >= missingMs;
  }

  #act(step: Step): Promise<void> {
    switch (step.do) {
      case 'start':
        return this.#context.startSlots.run(() => this.#start(step.container));
      case 'abandon':
        return this.#abandon(step.container);
      case 'prepare':
        return this.#care.prepareEnd(step.container, step.killAtMs);
      case 'signal':
        return this.#signal(step.container, step.signal);
      case 'clean':
        return this.#clean();
    }
  }

  async #start(container: ContainerRecord): Promise<void> {
    // The task may have been told to end while this waited for its turn.
    if (isEnding(this.record, container)) return;
    const cid = containerId(this.record, container);
    const isRestart = container.last !== undefined;
    const start = this.#newStart(container, cid);
    const prepared = await prepare(start);
    if ('refusal' in prepared) {
      const { refusal } = prepared;
      return refusal.isFinal ? this.#fail(container, refusal) : this.#postpone(container, refusal);
    }
    container.starts++;
    container.refusals = 0;
    container.life = { state: 'starting', cid };
    if (isRestart) container.restartCount++;
    const { runtime, records } = this.#context;
    await records.save(this.record); // and tell nobody: in a moment there is more to tell
    const refusal = await runtime.create(prepared.spec);
    if (refusal) return this.#cannotRun(container, cid, refusal);
    if (this.#isTooLate()) return this.#cannotRun(container, cid, tooLate);
    const started = await runtime.start(cid);
    if (!('pid' in started)) return this.#cannotRun(container, cid, started);
    await this.#setRunning(container, cid, started.pid, start.imageID);
    this.#event('Normal', 'Started', `started container ${container.name}`);
  }

  /** The lease of the node may have run out while the container was being made. */
  #isTooLate(): boolean {
    const { isClaimed, fenced } = this.record;
    return fenced !== undefined || (isClaimed === true && (this.#context.node.fence?.hasPassed() ?? true));
  }

  #newStart(containerRecord: ContainerRecord, cid: string): Start {
    const { record } = this;
    const container = containerSpec(record, containerRecord);
    const { node } = this.#context;
    return {
      node,
      record,
      container,
      containerRecord,
      cid,
      volumes: this.#volumes,
      images: this.#context.images,
      takenUserBases: this.#context.takenUserBases,
      wake: () => this.#retryNow(containerRecord),
      nowMs: () => this.#clock.now(),
      onEvent: (type, reason, message) => this.#event(type, reason, message),
      root: { from: 'host' },
      imageConfig: {},
      spec: {},
    };
  }

  #retryNow({ life }: ContainerRecord): void {
    if (life.state === 'waiting') life.retryAtMs = 0;
    this.wake();
  }

  /** Something on the node is missing or taken; the container was not even made. */
  async #postpone(container: ContainerRecord, postponement: Postponement): Promise<void> {
    const { reason, message } = postponement;
    if (postponement.retryAtMs === undefined) {
      container.refusals++;
      this.#event('Warning', reason, message);
    }
    const retryAtMs = postponement.retryAtMs ?? this.#clock.now() + preparationDelayMs(container.refusals);
    container.life = { state: 'waiting', reason, message, retryAtMs };
    await this.#save();
  }

  /** The node cannot give the task what it was promised: all of it ends, and its job may try elsewhere. */
  async #fail(container: ContainerRecord, refusal: Refusal): Promise<void> {
    this.#event('Warning', refusal.reason, refusal.message);
    const termination = refused(container.last?.cid ?? '', refusal, this.#clock.now());
    container.life = { state: 'ended', termination };
    if (!isEphemeral(container)) this.stop(this.record.task.spec.terminationGracePeriodSeconds);
    await this.#save();
  }

  async #cannotRun(container: ContainerRecord, cid: string, refusal: Refusal): Promise<void> {
    this.#event('Warning', 'Failed', `container ${container.name}: ${refusal.message}`);
    await this.#end(container, refused(cid, refusal, this.#clock.now()));
  }

  async #setRunning(container: ContainerRecord, cid: string, pid: number, imageID?: string): Promise<void> {
    const startedAtMs = this.#clock.now();
    const spec = containerSpec(this.record, container);
    const health = hasProbes(spec) ? { health: firstHealth(spec) } : {};
    const hook = spec.lifecycle?.postStart ? { isBeginning: true } : {};
    const image = imageID ? { imageID } : {};
    const { resources } = spec;
    container.life = { state: 'running', cid, pid, startedAtMs, resources, ...health, ...hook, ...image };
    await this.#save();
  }

  async #end(container: ContainerRecord, end: Termination): Promise<void> {
    const { startedAtMs, stop } =
      container.life.state === 'running' ? container.life : { startedAtMs: undefined, stop: undefined };
    const termination: Termination = {
      ...end,
      ...(startedAtMs === undefined ? {} : { startedAtMs }),
      ...(stop ? { message: stop.message } : {}),
    };
    const last = await this.#lastWords(container, end);
    if (last) termination.message = last;
    // Ended because a probe failed: that was no success, whatever the container says.
    const outcome = { ...termination, exitCode: end.exitCode || (stop ? 1 : 0) };
    const verdict = isEnding(this.record, container)
      ? { restart: false as const }
      : decideRestart(restartPolicyOf(this.record.task.spec, container), container, outcome);
    if (verdict.restart) {
      container.last = termination;
      container.failures = verdict.failures;
      const message = `back-off ${verdict.delayMs / 1000} s restarting failed container ${container.name}`;
      const retryAtMs = this.#clock.now() + verdict.delayMs;
      container.life = { state: 'waiting', reason: 'CrashLoopBackOff', message, retryAtMs };
      if (verdict.delayMs > 0) this.#event('Warning', 'BackOff', message);
    } else {
      container.life = { state: 'ended', termination };
    }
    if (termination.reason === 'OOMKilled')
      this.#event('Warning', 'OOMKilled', `container ${container.name} used more memory than its limit`);
    await this.#save();
    await this.#context.runtime.delete(end.cid);
    await this.#volumes.release(end.cid);
  }

  #lastWords(containerRecord: ContainerRecord, { cid, exitCode }: Termination): Promise<string | undefined> {
    const { record } = this;
    const container = containerSpec(record, containerRecord);
    return lastWords({ node: this.#context.node, record, container, containerRecord, cid, exitCode });
  }

  /** It never ran, or waited for its restart, when the task was told to end. */
  async #abandon(container: ContainerRecord): Promise<void> {
    const termination = container.last ?? refused('', { reason: 'ContainerNotStarted' }, this.#clock.now());
    container.life = { state: 'ended', termination };
    await this.#save();
  }

  async #signal(container: ContainerRecord, signal: 'TERM' | 'KILL'): Promise<void> {
    const { life } = container;
    if (life.state !== 'running') return;
    if (!life.signalled) {
      const grace = `with ${stopOf(this.record, container)?.graceSeconds ?? 0} s of grace`;
      const why = life.stop ? `: ${life.stop.message}` : '';
      this.#event('Normal', 'Killing', `stopping container ${container.name}, ${grace}${why}`);
      life.signalled = true;
      await this.#context.records.save(this.record);
    }
    await this.#context.runtime.signal(life.cid, signal);
  }

  async #clean(): Promise<void> {
    const { node, images } = this.#context;
    for (const { name } of this.record.containers) images.forget(imageOwner(this.record.uid, name));
    await removeTaskCgroup(node, this.record);
    await node.fence?.unlist(this.record.uid);
    await node.networks?.remove(this.record.uid);
    await this.#volumes.settled();
    await removeTaskDirectory(taskDirectory(node, this.record.uid));
    this.record.cleaned = true;
    await this.#save();
  }

  async #save(): Promise<void> {
    await this.#context.records.save(this.record);
    this.#context.onChange(this.record);
  }

  #event(type: Happening['type'], reason: string, message: string): void {
    const { name, namespace } = this.record.task.metadata;
    this.#logger.info({ task: `${namespace}/${name}`, reason }, message);
    this.#context.onEvent(this.record.task, { type, reason, message });
  }
}
