/**
 * The `oci` driver: containers made by runc, each under its own conmon. One directory per container on
 * disk (bundle), one in the run directory (pid files), one exit file.
 *
 *   <root>/c/<cid>/  config.json, root file system      <run>/c/<cid>/  pidfile, persist/oom, process.json
 *   <run>/runc/      runc's own state                   <run>/exits/<cid>
 *
 * Invariant: the bundle directory exists before anything else of a container does, and goes last, so
 * `list` never misses one.
 */
import { randomUUID } from 'node:crypto';
import { constants, readFileSync } from 'node:fs';
import { access, chmod, mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sleep, systemClock } from '../../../api/meta/clock.ts';
import type { Logger } from '../../../api/meta/logger.ts';
import type { TerminalSize } from '../../../api/meta/stream-channels.ts';
import type { ExecRequest } from '../../../api/meta/stream-requests.ts';
import { type BoundedOutcome, boundedCommand } from '../../bounded-command.ts';
import { runCommand, toolEnvironment, tryCommand } from '../../command.ts';
import type { ContainerLimits } from '../../task/limits.ts';
import type { Attachment, Command } from '../command.ts';
import { ExitFiles } from '../exit-files.ts';
import { identify, isRunning, type ProcessId } from '../process-id.ts';
import {
  type AttachWish,
  type ContainerSpec,
  type ContainerState,
  maxOutputBytes,
  type Refusal,
  type Runtime,
  type Signal,
} from '../runtime.ts';
import { attachBy } from './attach-line.ts';
import { configJson, type HostFacts, linuxResources, usualSecurity } from './config-json.ts';
import { createUnderConmon } from './conmon.ts';
import { giveStreams } from './container-streams.ts';
import { deviceParts } from './device-edits.ts';
import { runcExec } from './exec-line.ts';
import { ExecProcess } from './exec-process.ts';
import { readHostFacts } from './host-facts.ts';
import { makeFiles, removeTree } from './root-filesystem.ts';
import { chosenSeccomp } from './seccomp-choice.ts';

export interface OciRuntimeOptions {
  rootDirectory: string;
  /** Kept short: sockets below it must fit 108 characters. */
  runDirectory: string;
  logger: Logger;
  /** Profiles of operators, by path; default `seccomp` below the root directory. */
  seccompDirectory?: string;
  runc?: string;
  conmon?: string;
}

/** Linux' number for it, which socat wants. */
const seqPacket = 5;
const pollMs = 10;
/** How long runc may take to start a command. */
const startTimeoutMs = 10_000;

export class OciRuntime implements Runtime {
  readonly name = 'oci';
  readonly logRotation = 'reopen';
  readonly #options: Required<OciRuntimeOptions>;
  readonly #exits: ExitFiles;
  #host: Promise<HostFacts> | undefined;
  #execsReady: Promise<void> | undefined;

  constructor(options: OciRuntimeOptions) {
    const seccompDirectory = join(options.rootDirectory, 'seccomp');
    this.#options = { runc: 'runc', conmon: 'conmon', seccompDirectory, ...options };
    this.#exits = new ExitFiles(join(options.runDirectory, 'exits'), { logger: options.logger });
  }

  async version(): Promise<string> {
    const output = await runCommand(this.#options.runc, ['--version']);
    return `runc://${/runc version ([^\s+]+)/.exec(output)?.[1] ?? 'unknown'}`;
  }

  async create(spec: ContainerSpec): Promise<Refusal | undefined> {
    const bundle = this.#bundle(spec.cid);
    await mkdir(bundle, { recursive: true, mode: 0o711 });
    const mounts = join(this.#runDirectory(spec.cid), 'mounts');
    // The first process of a user namespace is nobody in particular to the node: it must get to its root.
    await mkdir(mounts, { recursive: true, mode: 0o711 });
    for (const way of [this.#options.runDirectory, dirname(this.#runDirectory(spec.cid))])
      await chmod(way, 0o711);
    await Promise.all([
      mkdir(join(this.#runDirectory(spec.cid), 'persist'), { recursive: true, mode: 0o700 }),
      mkdir(this.#exits.directory, { recursive: true, mode: 0o700 }),
      mkdir(this.#socketDirectory, { recursive: true, mode: 0o700 }),
      mkdir(dirname(spec.logPath), { recursive: true, mode: 0o700 }),
    ]);
    const places = { bundle, mounts, userRange: spec.userRange };
    const { rootPath, mounts: mapped } = await makeFiles(spec, places);
    this.#host ??= readHostFacts();
    const host = await this.#host;
    const directory = this.#options.seccompDirectory;
    const seccomp = await chosenSeccomp(spec.security ?? usualSecurity, { host, directory });
    if (seccomp && 'reason' in seccomp) return seccomp;
    const devices = await deviceParts(spec.deviceEdits ?? []);
    const config = JSON.stringify(
      configJson({ ...spec, mounts: mapped }, { host, rootPath, devices, seccomp }),
    );
    // It holds the environment, and with it perhaps secrets.
    await writeFile(join(bundle, 'config.json'), config, { mode: 0o600 });
    const refusal = await createUnderConmon({
      conmon: this.#options.conmon,
      runc: await this.#runcPath(),
      cid: spec.cid,
      bundle,
      logPath: spec.logPath,
      runcRoot: this.#runcRoot,
      exitDirectory: this.#exits.directory,
      socketDirectory: this.#socketDirectory,
      runDirectory: this.#runDirectory(spec.cid),
      terminal: spec.terminal ?? false,
      stdin: spec.stdin,
    });
    if (!refusal && spec.userRange) await giveStreams(await this.#createdPid(spec.cid), spec);
    return refusal;
  }

  async #createdPid(cid: string): Promise<number> {
    return Number(await readFile(join(this.#runDirectory(cid), 'pidfile'), 'utf8'));
  }

  async start(cid: string): Promise<{ pid: number } | Refusal> {
    const pid = await this.#createdPid(cid);
    const identity = identify(pid);
    const { exitCode, stderr } = await this.#runc(['start', cid]);
    if (exitCode !== 0) return { reason: 'ContainerCannotRun', message: stderr.trim() };
    await writeFile(this.#identityFile(cid), JSON.stringify(identity));
    return { pid };
  }

  async signal(cid: string, signal: Signal): Promise<void> {
    // Fails only when nothing is left to be signalled.
    await this.#runc(['kill', cid, signal]);
  }

  async update(cid: string, limits: ContainerLimits): Promise<string | undefined> {
    const options = { input: JSON.stringify(linuxResources(limits)) };
    const args = ['--root', this.#runcRoot, 'update', '--resources', '-', cid];
    const { exitCode, stderr } = await tryCommand(this.#options.runc, args, options);
    return exitCode === 0 ? undefined : stderr.trim();
  }

  async run(cid: string, command: readonly string[], signal: AbortSignal): Promise<BoundedOutcome> {
    const pidFile = join(this.#runDirectory(cid), `run-${randomUUID()}.pid`);
    const args = ['--root', this.#runcRoot, 'exec', '--pid-file', pidFile, cid, ...command];
    try {
      return await boundedCommand(this.#options.runc, args, {
        signal,
        maxBytes: maxOutputBytes,
        env: toolEnvironment,
        // runc passes a KILL on to nobody: the process in the container is killed by its own pid.
        kill: (pid) => killInside(cid, { pidFile, runc: identify(pid) }),
      });
    } finally {
      await rm(pidFile, { force: true });
    }
  }

  async delete(cid: string): Promise<void> {
    await this.#runc(['delete', '--force', cid]);
    await rm(join(this.#socketDirectory, cid), { recursive: true, force: true });
    await removeTree(this.#runDirectory(cid));
    await this.#exits.remove(cid);
    await removeTree(this.#bundle(cid));
  }

  async state(cid: string): Promise<ContainerState> {
    const exit = this.#exits.read(cid);
    if (exit) return { status: 'exited', ...exit, oomKilled: await this.#wasOomKilled(cid, exit.exitCode) };
    const identity = this.#identity(cid);
    if (identity && isRunning(identity)) return { status: 'running', pid: identity.pid };
    return this.#askRunc(cid);
  }

  filesOf(cid: string): string {
    return this.#bundle(cid);
  }

  async list(): Promise<string[]> {
    const directories = [join(this.#options.rootDirectory, 'c'), join(this.#options.runDirectory, 'c')];
    const found = await Promise.all(directories.map((directory) => readdir(directory).catch(() => [])));
    return [...new Set([...found.flat(), ...(await this.#exits.list())])];
  }

  async exec(cid: string, request: ExecRequest): Promise<Command> {
    const { rootDirectory, runDirectory } = this.#options;
    const directory = join(runDirectory, 'x');
    // What commands of an agent that was killed have left.
    this.#execsReady ??= rm(directory, { recursive: true, force: true });
    await this.#execsReady;
    const prepare = runcExec(rootDirectory, runDirectory);
    return ExecProcess.start(cid, request, { prepare, directory, clock: systemClock });
  }

  /** conmon's attach socket keeps messages apart (SOCK_SEQPACKET): node cannot connect to it, socat can. */
  async attach(cid: string, { stdin, tty }: AttachWish): Promise<Attachment> {
    const path = join(this.#socketDirectory, cid, 'attach').replaceAll(/[\\,:!]/g, '\\$&');
    const line = { command: 'socat', args: ['STDIO', `UNIX-CONNECT:${path},socktype=${seqPacket}`] };
    const resize = ({ rows, columns }: TerminalSize): Promise<void> =>
      this.#control(cid, `1 ${rows} ${columns}\n`);
    return attachBy(stdin ? line : undefined, tty ? resize : async () => {});
  }

  reopenLog(cid: string): Promise<void> {
    return this.#control(cid, '2 0 0\n');
  }

  async #control(cid: string, order: string): Promise<void> {
    // Opening a fifo for writing must not wait for a reader: its conmon may be gone.
    const flags = constants.O_WRONLY | constants.O_NONBLOCK;
    const control = await open(join(this.#bundle(cid), 'ctl'), flags);
    await control.write(order).finally(() => control.close());
  }

  watchExits(listener: (cid: string) => void): Promise<void> {
    return this.#exits.watch(listener);
  }

  close(): Promise<void> {
    return this.#exits.close();
  }

  /** The way that needs a process: before `process.json` is written, and when the process is gone. */
  async #askRunc(cid: string): Promise<ContainerState> {
    const { exitCode, stdout } = await this.#runc(['state', cid]);
    if (exitCode !== 0) return { status: 'absent' };
    const { status, pid } = JSON.parse(stdout) as { status: string; pid: number };
    if (status === 'created') return { status };
    if (status === 'stopped') return { status: 'absent' };
    await writeFile(this.#identityFile(cid), JSON.stringify(identify(pid)));
    return { status: 'running', pid };
  }

  #identity(cid: string): ProcessId | undefined {
    try {
      return JSON.parse(readFileSync(this.#identityFile(cid), 'utf8'));
    } catch {
      return undefined;
    }
  }

  /** The mark alone means that some process was killed; only with 137 was it the container's first. */
  async #wasOomKilled(cid: string, exitCode: number): Promise<boolean> {
    if (exitCode !== 137) return false;
    return access(join(this.#runDirectory(cid), 'persist', 'oom')).then(
      () => true,
      () => false,
    );
  }

  #runc(args: string[]) {
    return tryCommand(this.#options.runc, ['--root', this.#runcRoot, ...args]);
  }

  /** conmon wants a path, not a name. */
  async #runcPath(): Promise<string> {
    if (this.#options.runc.startsWith('/')) return this.#options.runc;
    const candidates = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
    for (const directory of candidates) {
      const path = join(directory, this.#options.runc);
      if (await canExecute(path)) return path;
    }
    return this.#options.runc;
  }

  get #runcRoot(): string {
    return join(this.#options.runDirectory, 'runc');
  }

  get #socketDirectory(): string {
    return join(this.#options.runDirectory, 's');
  }

  #bundle(cid: string): string {
    return join(this.#options.rootDirectory, 'c', cid);
  }

  #runDirectory(cid: string): string {
    return join(this.#options.runDirectory, 'c', cid);
  }

  #identityFile(cid: string): string {
    return join(this.#runDirectory(cid), 'process.json');
  }
}

/**
 * As soon as there is something to kill: runc alone killed too early leaves its command running. Its control group
 * tells that the pid still is the container's.
 */
async function killInside(
  cid: string,
  { pidFile, runc }: { pidFile: string; runc: ProcessId },
): Promise<void> {
  for (let waitedMs = 0; waitedMs < startTimeoutMs && isRunning(runc); waitedMs += pollMs) {
    const pid = Number(await readFile(pidFile, 'utf8').catch(() => 0));
    if (pid > 0) {
      const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
      if (groups.includes(`/${cid}`)) killQuietly(pid);
      return;
    }
    await sleep(systemClock, pollMs);
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is over.
  }
}

function canExecute(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
