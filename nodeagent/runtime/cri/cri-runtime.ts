/**
 * The `cri` driver: containers made by an engine that speaks the Container Runtime Interface, containerd, which is
 * the node's own unless an endpoint is given.
 *
 *   <root>/c/<cid>/  seccomp.json, files → what it writes into its root      all else is the engine's, found by labels
 *
 * Invariant: the directory of a container exists before anything else of it does, and goes last, so `list` never
 * misses one; what has no container, and no directory, has no sandbox.
 */
import { mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ApiError, hasReason } from '../../../api/meta/api-error.ts';
import { type Clock, sleep, systemClock } from '../../../api/meta/clock.ts';
import type { Logger } from '../../../api/meta/logger.ts';
import { Loop } from '../../../api/meta/loop.ts';
import type { ExecRequest } from '../../../api/meta/stream-requests.ts';
import type { BoundedOutcome } from '../../bounded-command.ts';
import type { Cgroups } from '../../cgroup/cgroups.ts';
import type { ContainerLimits } from '../../task/limits.ts';
import type { Attachment, Command } from '../command.ts';
import { type HostFacts, usualSecurity } from '../oci/config-json.ts';
import { readHostFacts } from '../oci/host-facts.ts';
import { chosenSeccomp } from '../oci/seccomp-choice.ts';
import {
  type AttachWish,
  type ContainerSpec,
  type ContainerState,
  maxOutputBytes,
  type Refusal,
  type Runtime,
  type Signal,
} from '../runtime.ts';
import { containerConfig, containerGroup, labels, linuxResources } from './cri-config.ts';
import { containerState } from './cri-messages.ts';
import { Engine } from './engine.ts';
import { EngineCommand } from './engine-command.ts';
import { EngineImages } from './engine-images.ts';
import { engineIdOf, pidIn, writtenFiles } from './engine-processes.ts';
import { endingWith, endSession, entrants, newEntrant } from './entrants.ts';
import { TaskSandboxes } from './task-sandboxes.ts';

export interface CriRuntimeOptions {
  rootDirectory: string;
  runDirectory: string;
  imageDirectory: string;
  cgroups: Cgroups;
  logger: Logger;
  /** Of an engine that is there: `unix:///run/containerd/containerd.sock`. Absent: a containerd of the node's own. */
  endpoint?: string;
  clock?: Clock;
}

/** The engine does not tell of exits by itself. */
const exitPollMs = 500;
/** After TERM the engine would kill by itself: that is the task runner's to do, in its own time. */
const neverSeconds = 10 ** 9;
const removalTries = 5;
const removalPauseMs = 100;

export class CriRuntime implements Runtime {
  readonly name = 'cri';
  readonly logRotation = 'reopen';
  readonly #options: CriRuntimeOptions;
  readonly #clock: Clock;
  readonly #engine: Engine;
  readonly #images: EngineImages;
  readonly #sandboxes: TaskSandboxes;
  readonly #closed = new AbortController();
  #host: Promise<HostFacts> | undefined;
  #exits: Loop | undefined;

  constructor(options: CriRuntimeOptions) {
    const { rootDirectory, runDirectory, imageDirectory, endpoint, logger, clock = systemClock } = options;
    this.#options = options;
    this.#clock = clock;
    this.#engine = new Engine({ rootDirectory, runDirectory, endpoint, clock });
    this.#images = new EngineImages({ engine: this.#engine, imageDirectory, clock, logger });
    this.#sandboxes = new TaskSandboxes(this.#engine);
  }

  async version(): Promise<string> {
    const { runtimeName, runtimeVersion } = await this.#engine.call('Version', {});
    return `${runtimeName}://${runtimeVersion.replace(/^v/, '').replace(/[~+].*$/, '')}`;
  }

  async create(spec: ContainerSpec): Promise<Refusal | undefined> {
    const directory = this.#directory(spec.cid);
    await mkdir(directory, { recursive: true, mode: 0o711 });
    await mkdir(dirname(spec.logPath), { recursive: true, mode: 0o700 });
    const host = await this.#hostFacts();
    const place = { host, directory: join(this.#options.rootDirectory, 'seccomp') };
    const seccomp = await chosenSeccomp(spec.security ?? usualSecurity, place);
    if (seccomp && 'reason' in seccomp) return seccomp;
    const seccompFile = seccomp && join(directory, 'seccomp.json');
    if (seccompFile) await writeFile(seccompFile, JSON.stringify(seccomp));
    try {
      const image = await this.#image(spec);
      const processesOf = spec.processesOf === undefined ? undefined : await engineIdOf(spec.processesOf);
      const { agent } = this.#engine;
      const config = containerConfig(spec, { host, agent, image, seccompFile, processesOf });
      await this.#limitGroup(containerGroup(spec), spec.limits);
      await this.#sandboxes.create(spec, config);
      return undefined;
    } catch (error) {
      return refusalOf(error, 'CreateContainerError');
    }
  }

  async #image({ root, deviceEdits = [] }: ContainerSpec): Promise<string> {
    if (deviceEdits.some(({ hooks = [] }) => hooks.length > 0))
      throw new ApiError('BadRequest', 'a device wants hooks run, which the driver cri cannot have done');
    const skeleton = await this.#images.ensureSkeleton();
    return root.from === 'host' ? skeleton : this.#images.ensure(root.digest);
  }

  /** Below it the engine makes the container's group, with the limits it knows; it knows none of processes. */
  async #limitGroup(path: string, { cpuShares, pids }: ContainerLimits): Promise<void> {
    const { cgroups } = this.#options;
    for (const each of [dirname(path), path]) await cgroups.createBelow(each);
    await cgroups.limit(path, { cpuShares, pids });
  }

  async start(cid: string): Promise<{ pid: number } | Refusal> {
    const { id: containerId } = await this.#engine.existing(cid);
    try {
      await this.#engine.call('StartContainer', { containerId });
      const { info } = await this.#engine.call('ContainerStatus', { containerId, verbose: true });
      const pid = pidIn(info);
      const files = await writtenFiles(pid);
      if (files !== undefined) await symlink(files, this.filesOf(cid)).catch(() => {});
      return { pid };
    } catch (error) {
      return refusalOf(error, 'ContainerCannotRun');
    }
  }

  /** Returns before the container has ended. */
  async signal(cid: string, signal: Signal): Promise<void> {
    const found = await this.#engine.find(cid);
    if (found?.state !== containerState.running) return;
    const request = { containerId: found.id, timeout: signal === 'KILL' ? 0 : neverSeconds };
    const options = { signal: this.#closed.signal, timeoutMs: 0 };
    this.#engine.call('StopContainer', request, options).catch((error: unknown) => {
      if (!this.#closed.signal.aborted) this.#options.logger.warn({ err: error, cid }, 'cannot be stopped');
    });
  }

  async update(cid: string, limits: ContainerLimits): Promise<string | undefined> {
    try {
      const { id: containerId, labels: its } = await this.#engine.existing(cid);
      const linux = linuxResources(limits, await this.#hostFacts());
      await this.#engine.call('UpdateContainerResources', { containerId, linux });
      await this.#limitGroup(its[labels.group] ?? '', limits);
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  }

  async run(cid: string, cmd: readonly string[], signal: AbortSignal): Promise<BoundedOutcome> {
    const [over, givenUp] = [new AbortController(), new AbortController()];
    try {
      const { id: containerId, labels: its } = await this.#engine.existing(cid);
      const group = this.#groupOf(its);
      const known = await entrants(group);
      // The engine ends what it runs when the call is given up, but not always what it has only begun to run.
      const end = async (): Promise<void> => {
        const expected = { group, known, command: cmd, over: over.signal, clock: this.#clock };
        await endSession(await newEntrant(expected));
        givenUp.abort();
      };
      signal.addEventListener('abort', end, { once: true, signal: over.signal });
      const options = { signal: givenUp.signal, timeoutMs: 0 };
      if (signal.aborted) return notRun('');
      const { stdout, stderr, exitCode } = await this.#engine.call('ExecSync', { containerId, cmd }, options);
      const output = Buffer.concat([stdout, stderr]).subarray(0, maxOutputBytes).toString();
      return signal.aborted ? notRun(output) : { exitCode, output };
    } catch (error) {
      return notRun(signal.aborted ? '' : messageOf(error));
    } finally {
      over.abort();
    }
  }

  async delete(cid: string): Promise<void> {
    const containers = await this.#engine.containers({ [labels.cid]: cid });
    for (const { id, labels: its } of containers) {
      await this.#removeContainer(id);
      await this.#options.cgroups.remove(its[labels.group] ?? '');
    }
    await this.#sandboxes.removeEmpty(cid, containers);
    await rm(this.#directory(cid), { recursive: true, force: true });
  }

  /** A container that ends at this moment has nobody left who could stop it: the engine fails, and then knows. */
  async #removeContainer(containerId: string): Promise<void> {
    for (let left = removalTries; ; left--) {
      try {
        await this.#engine.call('RemoveContainer', { containerId });
        return;
      } catch (error) {
        if (left === 0) throw error;
        await sleep(this.#clock, removalPauseMs);
      }
    }
  }

  async state(cid: string): Promise<ContainerState> {
    try {
      return await this.#stateOf((await this.#engine.existing(cid)).id);
    } catch (error) {
      if (hasReason(error, 'NotFound')) return { status: 'absent' };
      throw error;
    }
  }

  async #stateOf(containerId: string): Promise<ContainerState> {
    const { status, info } = await this.#engine.call('ContainerStatus', { containerId, verbose: true });
    const { state, exitCode, reason, finishedAt } = status;
    if (state === containerState.created) return { status: 'created' };
    if (state === containerState.running) return { status: 'running', pid: pidIn(info) };
    if (state !== containerState.exited) return { status: 'absent' };
    // That some process was killed is told too; only with 137 was it the container's first.
    const oomKilled = reason === 'OOMKilled' && exitCode === 137;
    return { status: 'exited', exitCode, oomKilled, finishedAtMs: Math.floor(finishedAt / 1e6) };
  }

  filesOf(cid: string): string {
    return join(this.#directory(cid), 'files');
  }

  async list(): Promise<string[]> {
    const made = await readdir(join(this.#options.rootDirectory, 'c')).catch(() => []);
    const known = (await this.#engine.containers()).map((container) => container.labels[labels.cid] ?? '');
    return [...new Set([...made, ...known])];
  }

  async exec(cid: string, { command: cmd, stdin, tty }: ExecRequest): Promise<Command> {
    const { id: containerId, labels: its } = await this.#engine.existing(cid);
    const group = this.#groupOf(its);
    const known = await entrants(group);
    const streams = { stdin, stdout: true, stderr: !tty };
    const { url } = await this.#engine.call('Exec', { containerId, cmd, tty, ...streams });
    const command = await EngineCommand.open(url, { stdin, tty });
    const process = newEntrant({ group, known, command: cmd, over: command.over, clock: this.#clock });
    return endingWith(command, process);
  }

  async attach(cid: string, { stdin, tty }: AttachWish): Promise<Attachment> {
    const { id: containerId } = await this.#engine.existing(cid);
    const streams = { stdin, stdout: true, stderr: !tty };
    const { url } = await this.#engine.call('Attach', { containerId, tty, ...streams });
    const command = await EngineCommand.open(url, { stdin, tty });
    const { stdout, stderr, exited } = command;
    return {
      stdin: command.stdin,
      output: { stdout, stderr, ended: exited.then(() => {}) },
      resize: (size) => command.resize(size),
      leave: () => command.kill(),
    };
  }

  async reopenLog(cid: string): Promise<void> {
    const { id: containerId } = await this.#engine.existing(cid);
    await this.#engine.call('ReopenContainerLog', { containerId });
  }

  async watchExits(listener: (cid: string) => void): Promise<void> {
    let told = new Set<string>();
    const step = async (): Promise<void> => {
      const containers = await this.#engine.containers({}, { state: { state: containerState.exited } });
      const over = containers.map((container) => container.labels[labels.cid] ?? '');
      for (const cid of over) if (!told.has(cid)) listener(cid);
      told = new Set(over);
    };
    const { logger } = this.#options;
    const options = { intervalMs: exitPollMs, clock: this.#clock, logger };
    this.#exits = new Loop({ name: 'engine-exits', step, ...options }).start();
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await Promise.all([this.#exits?.stop(), this.#images.close()]);
    this.#engine.close();
  }

  /** For the end of a node, when nothing of it is left: its own engine goes too. */
  async end(): Promise<void> {
    await this.close();
    await this.#engine.end();
  }

  /** Its directory. */
  #groupOf(its: Record<string, string>): string {
    return this.#options.cgroups.directory(its[labels.group] ?? '');
  }

  #hostFacts(): Promise<HostFacts> {
    this.#host ??= readHostFacts();
    return this.#host;
  }

  #directory(cid: string): string {
    return join(this.#options.rootDirectory, 'c', cid);
  }
}

/** That the engine is not there is not the container's fault: then there is no refusal, and it is tried again. */
function refusalOf(error: unknown, reason: string): Refusal {
  if (hasReason(error, 'ServiceUnavailable', 'Timeout')) throw error;
  return { reason, message: messageOf(error) };
}

function notRun(output: string): BoundedOutcome {
  return { exitCode: undefined, output };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
