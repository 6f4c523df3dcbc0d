/**
 * The `unconfined` driver: plain processes, for machines where containers cannot be made (macOS, no
 * root). No limits, no isolation; the node says so. A small sh wrapper per task stays behind when the
 * agent dies and writes the exit file.
 *
 * Invariant: all processes of a container are in the process group of its wrapper.
 */
import { closeSync, openSync } from 'node:fs';
import { access, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ApiError } from '../../../api/meta/api-error.ts';
import type { Logger } from '../../../api/meta/logger.ts';
import { type BoundedOutcome, boundedCommand } from '../../bounded-command.ts';
import type { Attachment } from '../command.ts';
import { startDetached } from '../detached-process.ts';
import { ExitFiles } from '../exit-files.ts';
import { isRunning, type ProcessId } from '../process-id.ts';
import {
  type ContainerSpec,
  type ContainerState,
  maxOutputBytes,
  type Refusal,
  type Runtime,
  type Signal,
} from '../runtime.ts';

export interface UnconfinedRuntimeOptions {
  rootDirectory: string;
  runDirectory: string;
  logger: Logger;
}

/** Lives through the signals sent to its group (a handler, unlike SIG_IGN, is not inherited), to write the code. */
const wrapper =
  'trap : TERM INT HUP; exit=$1; shift; "$@"; code=$?; echo $code > "$exit.part"; mv "$exit.part" "$exit"';

export class UnconfinedRuntime implements Runtime {
  readonly name = 'unconfined';
  readonly logRotation = 'truncate';
  readonly #options: UnconfinedRuntimeOptions;
  readonly #exits: ExitFiles;

  constructor(options: UnconfinedRuntimeOptions) {
    this.#options = options;
    this.#exits = new ExitFiles(join(options.runDirectory, 'exits'), { logger: options.logger });
  }

  async version(): Promise<string> {
    return `unconfined://${process.platform}`;
  }

  async create(spec: ContainerSpec): Promise<Refusal | undefined> {
    if (spec.root.from === 'image')
      return {
        reason: 'ContainerCannotRun',
        message: 'this node runs plain processes (driver unconfined): it cannot run images',
      };
    const problem = await this.#commandProblem(spec);
    if (problem) return { reason: 'ContainerCannotRun', message: problem };
    const directory = this.#directory(spec.cid);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await mkdir(this.#exits.directory, { recursive: true, mode: 0o700 });
    await mkdir(dirname(spec.logPath), { recursive: true, mode: 0o700 });
    await writeFile(join(directory, 'spec.json'), JSON.stringify(spec), { mode: 0o600 });
    return undefined;
  }

  async start(cid: string): Promise<{ pid: number } | Refusal> {
    const directory = this.#directory(cid);
    const spec = await this.#spec(cid);
    const log = openSync(spec.logPath, 'a', 0o600);
    try {
      const exitFile = join(this.#exits.directory, cid);
      const identity = await startDetached(
        '/bin/sh',
        ['-c', wrapper, 'gantry-task', exitFile, ...spec.args],
        {
          stdio: ['ignore', log, log],
          cwd: spec.workingDir,
          env: variables(spec.env),
        },
      );
      await writeFile(join(directory, 'process.json'), JSON.stringify(identity));
      return { pid: identity.pid };
    } catch (error) {
      return { reason: 'ContainerCannotRun', message: String(error) };
    } finally {
      closeSync(log);
    }
  }

  async signal(cid: string, signal: Signal): Promise<void> {
    const identity = await this.#identity(cid);
    if (!identity || !isRunning(identity)) return;
    signalGroup(identity.pid, signal);
    // KILL takes the wrapper along, which then can write nothing.
    if (signal === 'KILL') await this.#exits.write(cid, 137);
  }

  /** There are none to change. */
  async update(): Promise<undefined> {
    return undefined;
  }

  async run(cid: string, command: readonly string[], signal: AbortSignal): Promise<BoundedOutcome> {
    const { env, workingDir } = await this.#spec(cid);
    const [file = '', ...args] = command;
    return boundedCommand(file, args, {
      signal,
      maxBytes: maxOutputBytes,
      env: variables(env),
      cwd: workingDir,
      detached: true,
      kill: (pid) => signalGroup(pid, 'KILL'),
    });
  }

  async delete(cid: string): Promise<void> {
    await this.signal(cid, 'KILL');
    await rm(this.#directory(cid), { recursive: true, force: true });
    await this.#exits.remove(cid);
  }

  async state(cid: string): Promise<ContainerState> {
    const exit = this.#exits.read(cid);
    if (exit) return { status: 'exited', ...exit, oomKilled: false };
    const identity = await this.#identity(cid);
    if (identity) return isRunning(identity) ? { status: 'running', pid: identity.pid } : absent;
    const isCreated = await canAccess(join(this.#directory(cid), 'spec.json'));
    return isCreated ? { status: 'created' } : absent;
  }

  filesOf(cid: string): string {
    return this.#directory(cid);
  }

  async list(): Promise<string[]> {
    const known = await readdir(join(this.#options.rootDirectory, 'c')).catch(() => []);
    return [...new Set([...known, ...(await this.#exits.list())])];
  }

  async exec(): Promise<never> {
    throw new ApiError(
      'BadRequest',
      'this node runs plain processes (driver unconfined): there is no container to run a command in',
    );
  }

  /** No process of its has an input or a terminal: there is the log. */
  async attach(): Promise<Attachment> {
    return { stdin: null, resize: async () => {}, leave: async () => {} };
  }

  /** Never called: its logs are cut, not reopened. */
  async reopenLog(): Promise<void> {}

  watchExits(listener: (cid: string) => void): Promise<void> {
    return this.#exits.watch(listener);
  }

  close(): Promise<void> {
    return this.#exits.close();
  }

  async #commandProblem({ args, env, workingDir }: ContainerSpec): Promise<string | undefined> {
    const [command = ''] = args;
    const path = env.find((entry) => entry.startsWith('PATH='))?.slice(5) ?? '';
    const candidates = command.includes('/')
      ? [join(workingDir, command), command]
      : path.split(':').map((directory) => join(directory, command));
    for (const candidate of candidates) if (await canAccess(candidate)) return undefined;
    return `exec: ${JSON.stringify(command)}: executable file not found in $PATH`;
  }

  async #identity(cid: string): Promise<ProcessId | undefined> {
    const text = await readFile(join(this.#directory(cid), 'process.json'), 'utf8').catch(() => '');
    return text === '' ? undefined : JSON.parse(text);
  }

  async #spec(cid: string): Promise<ContainerSpec> {
    return JSON.parse(await readFile(join(this.#directory(cid), 'spec.json'), 'utf8'));
  }

  #directory(cid: string): string {
    return join(this.#options.rootDirectory, 'c', cid);
  }
}

const absent: ContainerState = { status: 'absent' };

function variables(env: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    env.map((entry) => [entry.split('=', 1)[0], entry.slice(entry.indexOf('=') + 1)]),
  );
}

function signalGroup(pid: number, signal: Signal): void {
  try {
    process.kill(-pid, `SIG${signal}`);
  } catch {
    // The whole group is gone already.
  }
}

function canAccess(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
