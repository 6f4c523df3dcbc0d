/**
 * The `cri` driver: containers made by an engine that speaks the Container Runtime Interface, containerd, which is
 * the node's own unless an endpoint is given. A task's containers share one sandbox, made with the first of them
 * and removed with the last.
 *
 *   <root>/c/<cid>/  seccomp.json        everything else is the engine's, and found by its labels
 *
 * Invariant: the directory of a container exists before anything else of it does, and goes last, so `list` never
 * misses one; what has no container, and no directory, has no sandbox.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
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
import { Containerd } from './containerd.ts';
import { type CallOptions, CriClient } from './cri-client.ts';
import {
  containerConfig,
  containerGroup,
  labels,
  linuxResources,
  sandboxConfig,
  taskOf,
} from './cri-config.ts';
import {
  type Calls,
  containerState,
  type ListedContainer,
  type Method,
  sandboxReady,
} from './cri-messages.ts';
import { EngineCommand } from './engine-command.ts';
import { EngineImages } from './engine-images.ts';

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
  readonly #engine: Containerd | undefined;
  readonly #client: CriClient;
  readonly #images: EngineImages;
  /** By task: the last in line for its sandbox. */
  readonly #turns = new Map<string, Promise<void>>();
  readonly #closed = new AbortController();
  #host: Promise<HostFacts> | undefined;
  #exits: Loop | undefined;

  constructor(options: CriRuntimeOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const { endpoint, imageDirectory } = options;
    if (endpoint === undefined) this.#engine = new Containerd(options, this.#clock);
    const address = this.#engine?.endpoint ?? endpoint ?? '';
    this.#client = new CriClient(address);
    const call = this.#call.bind(this);
    this.#images = new EngineImages({ call, endpoint: address, imageDirectory, clock: this.#clock });
  }

  async version(): Promise<string> {
    const { runtimeName, runtimeVersion } = await this.#call('Version', {});
    return `${runtimeName}://${runtimeVersion.replace(/^v/, '').replace(/[~+].*$/, '')}`;
  }

  async create(spec: ContainerSpec): Promise<Refusal | undefined> {
    const directory = this.#directory(spec.cid);
    await mkdir(directory, { recursive: true, mode: 0o711 });
    await mkdir(dirname(spec.logPath), { recursive: true, mode: 0o700 });
    this.#host ??= readHostFacts();
    const host = await this.#host;
    const place = { host, directory: join(this.#options.rootDirectory, 'seccomp') };
    const seccomp = await chosenSeccomp(spec.security ?? usualSecurity, place);
    if (seccomp && 'reason' in seccomp) return seccomp;
    const seccompFile = join(directory, 'seccomp.json');
    if (seccomp) await writeFile(seccompFile, JSON.stringify(seccomp));
    try {
      const image = await this.#image(spec);
      const processesOf = await engineIdOf(spec.processesOf);
      const agent = this.#agent;
      const parts = { host, agent, image, ...(seccomp ? { seccompFile } : {}) };
      const config = containerConfig(spec, { ...parts, ...(processesOf ? { processesOf } : {}) });
      await this.#limitGroup(containerGroup(spec), spec.limits);
      await this.#turn(taskOf(spec), () => this.#createInSandbox(spec, config));
      return undefined;
    } catch (error) {
      return refusalOf(error, 'CreateContainerError');
    }
  }

  async #image({ root, deviceEdits = [] }: ContainerSpec): Promise<string> {
    if (deviceEdits.some(({ hooks = [] }) => hooks.length > 0))
      throw new ApiError('BadRequest', 'a device wants hooks run, which the driver cri cannot have done');
    await this.#images.ensureSkeleton();
    return root.from === 'host' ? this.#images.ensureSkeleton() : this.#images.ensure(root.digest);
  }

  /** Below it the engine makes the container's group, with the limits it knows; it knows none of processes. */
  async #limitGroup(path: string, { cpuShares, pids }: ContainerLimits): Promise<void> {
    const { cgroups } = this.#options;
    for (const each of [dirname(path), path]) await cgroups.createBelow(each);
    await cgroups.limit(path, { cpuShares, pids });
  }

  async #createInSandbox(spec: ContainerSpec, config: Calls['CreateContainer'][0]['config']): Promise<void> {
    const known = await this.#sandboxes({ [labels.task]: taskOf(spec) });
    const ready = known.find(({ state }) => state === sandboxReady);
    const sandbox = sandboxConfig(spec, { agent: this.#agent, attempt: known.length });
    const podSandboxId = ready?.id ?? (await this.#call('RunPodSandbox', { config: sandbox })).podSandboxId;
    const linux = { ...sandbox.linux, cgroupParent: containerGroup(spec) };
    await this.#call('CreateContainer', { podSandboxId, config, sandboxConfig: { ...sandbox, linux } });
  }

  async start(cid: string): Promise<{ pid: number } | Refusal> {
    const containerId = await this.#idOf(cid);
    try {
      await this.#call('StartContainer', { containerId });
      return { pid: await this.#pidOf(containerId) };
    } catch (error) {
      return refusalOf(error, 'ContainerCannotRun');
    }
  }

  /** Returns before the container has ended. */
  async signal(cid: string, signal: Signal): Promise<void> {
    const found = await this.#find(cid);
    if (found?.state !== containerState.running) return;
    const request = { containerId: found.id, timeout: signal === 'KILL' ? 0 : neverSeconds };
    this.#call('StopContainer', request, { signal: this.#closed.signal, timeoutMs: 0 }).catch(
      (error: unknown) => {
        if (!this.#closed.signal.aborted) this.#options.logger.warn({ err: error, cid }, 'cannot be stopped');
      },
    );
  }

  async update(cid: string, limits: ContainerLimits): Promise<string | undefined> {
    try {
      const found = await this.#find(cid);
      if (!found) return 'the container is gone';
      this.#host ??= readHostFacts();
      const linux = linuxResources(limits, await this.#host);
      await this.#call('UpdateContainerResources', { containerId: found.id, linux });
      await this.#limitGroup(found.labels[labels.group] ?? '', limits);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  async run(cid: string, cmd: readonly string[], signal: AbortSignal): Promise<BoundedOutcome> {
    try {
      const containerId = await this.#idOf(cid);
      const options = { signal, timeoutMs: 0 };
      const { stdout, stderr, exitCode } = await this.#call('ExecSync', { containerId, cmd }, options);
      const output = Buffer.concat([stdout, stderr]).subarray(0, maxOutputBytes).toString();
      return { exitCode, output };
    } catch (error) {
      return { exitCode: undefined, output: signal.aborted ? '' : messageOf(error) };
    }
  }

  async delete(cid: string): Promise<void> {
    const containers = await this.#containers({ [labels.cid]: cid });
    const sandboxes = await this.#sandboxes({});
    const isOfIt = ({ id, labels: its }: { id: string; labels: Record<string, string> }): boolean =>
      its[labels.cid] === cid || containers.some(({ podSandboxId }) => podSandboxId === id);
    for (const { id: containerId, labels: its } of containers) {
      await this.#removeContainer(containerId);
      await this.#options.cgroups.remove(its[labels.group] ?? '');
    }
    for (const { id, labels: its } of sandboxes.filter(isOfIt))
      await this.#turn(its[labels.task] ?? '', () => this.#removeIfEmpty(id));
    await rm(this.#directory(cid), { recursive: true, force: true });
  }

  /** A container that ends at this moment has nobody left who could stop it: the engine fails, and then knows. */
  async #removeContainer(containerId: string): Promise<void> {
    for (let left = removalTries; ; left--) {
      try {
        await this.#call('RemoveContainer', { containerId });
        return;
      } catch (error) {
        if (left === 0) throw error;
        await sleep(this.#clock, removalPauseMs);
      }
    }
  }

  async #removeIfEmpty(podSandboxId: string): Promise<void> {
    const containers = await this.#containers({});
    if (containers.some((container) => container.podSandboxId === podSandboxId)) return;
    await this.#call('StopPodSandbox', { podSandboxId });
    await this.#call('RemovePodSandbox', { podSandboxId });
  }

  async state(cid: string): Promise<ContainerState> {
    const found = await this.#find(cid);
    if (!found) return { status: 'absent' };
    try {
      return await this.#stateOf(found.id);
    } catch (error) {
      if (hasReason(error, 'NotFound')) return { status: 'absent' };
      throw error;
    }
  }

  async #stateOf(containerId: string): Promise<ContainerState> {
    const { status, info } = await this.#call('ContainerStatus', { containerId, verbose: true });
    const { state, exitCode, reason, finishedAt } = status;
    if (state === containerState.created) return { status: 'created' };
    if (state === containerState.running) return { status: 'running', pid: pidIn(info) };
    if (state !== containerState.exited) return { status: 'absent' };
    // That some process was killed is told too; only with 137 was it the container's first.
    const oomKilled = reason === 'OOMKilled' && exitCode === 137;
    return { status: 'exited', exitCode, oomKilled, finishedAtMs: Math.floor(finishedAt / 1e6) };
  }

  async list(): Promise<string[]> {
    const made = await readdir(join(this.#options.rootDirectory, 'c')).catch(() => []);
    const known = (await this.#containers({})).map((container) => container.labels[labels.cid] ?? '');
    return [...new Set([...made, ...known])];
  }

  async exec(cid: string, { command: cmd, stdin, tty }: ExecRequest): Promise<Command> {
    const containerId = await this.#idOf(cid);
    const streams = { stdin, stdout: true, stderr: !tty };
    const { url } = await this.#call('Exec', { containerId, cmd, tty, ...streams });
    return EngineCommand.open(url, { stdin, tty });
  }

  async attach(cid: string, { stdin, tty }: AttachWish): Promise<Attachment> {
    const containerId = await this.#idOf(cid);
    const streams = { stdin, stdout: true, stderr: !tty };
    const { url } = await this.#call('Attach', { containerId, tty, ...streams });
    const command = await EngineCommand.open(url, { stdin, tty });
    const { stdout, stderr, exited } = command;
    const output = { stdout, stderr, ended: exited.then(() => {}) };
    return {
      stdin: command.stdin,
      output,
      resize: (size) => command.resize(size),
      leave: () => command.kill(),
    };
  }

  async reopenLog(cid: string): Promise<void> {
    await this.#call('ReopenContainerLog', { containerId: await this.#idOf(cid) });
  }

  async watchExits(listener: (cid: string) => void): Promise<void> {
    let told = new Set<string>();
    const step = async (): Promise<void> => {
      const containers = await this.#containers({}, { state: { state: containerState.exited } });
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
    await this.#exits?.stop();
    this.#client.close();
  }

  /** For the end of a node, when nothing of it is left: its own engine goes too. */
  async end(): Promise<void> {
    await this.close();
    await this.#engine?.end();
  }

  /** Engines restart: each call finds its own running again. */
  async #call<M extends Method>(
    method: M,
    request: Calls[M][0],
    options: CallOptions = {},
  ): Promise<Calls[M][1]> {
    await this.#engine?.ensure();
    return this.#client.call(method, request, options);
  }

  async #turn(task: string, work: () => Promise<void>): Promise<void> {
    const before = this.#turns.get(task);
    const turn = before ? before.catch(() => {}).then(work) : work();
    this.#turns.set(task, turn);
    try {
      await turn;
    } finally {
      if (this.#turns.get(task) === turn) this.#turns.delete(task);
    }
  }

  async #find(cid: string): Promise<ListedContainer | undefined> {
    return (await this.#containers({ [labels.cid]: cid }))[0];
  }

  /** Throws ApiError NotFound. */
  async #idOf(cid: string): Promise<string> {
    const found = await this.#find(cid);
    if (found) return found.id;
    throw new ApiError('NotFound', `the engine has no container ${cid}`);
  }

  async #pidOf(containerId: string): Promise<number> {
    return pidIn((await this.#call('ContainerStatus', { containerId, verbose: true })).info);
  }

  async #containers(
    wanted: Record<string, string>,
    filter: { state?: { state: number } } = {},
  ): Promise<ListedContainer[]> {
    const labelSelector = { ...wanted, [labels.agent]: this.#agent };
    return (await this.#call('ListContainers', { filter: { labelSelector, ...filter } })).containers;
  }

  async #sandboxes(wanted: Record<string, string>): Promise<Calls['ListPodSandbox'][1]['items']> {
    const labelSelector = { ...wanted, [labels.agent]: this.#agent };
    return (await this.#call('ListPodSandbox', { filter: { labelSelector } })).items;
  }

  get #agent(): string {
    return this.#options.rootDirectory;
  }

  #directory(cid: string): string {
    return join(this.#options.rootDirectory, 'c', cid);
  }
}

/** The engine's own notes, as both known engines keep them; 0 when the process is over. */
function pidIn(info: Record<string, string>): number {
  return JSON.parse(info['info'] ?? '{}').pid ?? 0;
}

/** A container's group is called by the engine's id of it. */
async function engineIdOf(pid: number | undefined): Promise<string | undefined> {
  if (pid === undefined) return undefined;
  const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
  return /\/([0-9a-f]{64})$/m.exec(groups)?.[1];
}

/** That the engine is not there is not the container's fault: then there is no refusal, and it is tried again. */
function refusalOf(error: unknown, reason: string): Refusal {
  if (hasReason(error, 'ServiceUnavailable', 'Timeout')) throw error;
  return { reason, message: messageOf(error) };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
