/**
 * A command running in a container, as a process of the agent's: its streams, its end, and the way to end it.
 *
 * Invariant: after `kill` resolves no process of the command is left, and after `exited` none of its files.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { execa } from 'execa';
import { type Clock, sleep } from '../../../api/meta/clock.ts';
import type { TerminalSize } from '../../../api/meta/stream-channels.ts';
import type { ExecRequest } from '../../../api/meta/stream-requests.ts';
import { toolEnvironment, tryCommand } from '../../command.ts';
import { type Command, couldNotRun, type ExecEnd } from '../command.ts';
import { identify } from '../process-id.ts';
import { killSession } from '../process-session.ts';
import type { ExecLine, PrepareExec } from './exec-line.ts';

const killed = 137;
const pollMs = 10;
/** How long runc may take to say the pid; and to end after its command, whose output a daemon may hold open. */
const startTimeoutMs = 10_000;
const endTimeoutMs = 1000;

export interface ExecPlace {
  prepare: PrepareExec;
  /** Commands' files are in a directory each below it. */
  directory: string;
  clock: Clock;
}

type Child = ReturnType<typeof spawn>;

export class ExecProcess implements Command {
  /** Resolves when the process is over; its output may still wait to be read. */
  readonly exited: Promise<ExecEnd>;
  readonly #child: Child;
  readonly #line: ExecLine;
  readonly #clock: Clock;
  readonly #wantsInput: boolean;
  #over = false;

  static async start(
    cid: string,
    { command, stdin, tty }: ExecRequest,
    { prepare, directory, clock }: ExecPlace,
  ): Promise<ExecProcess> {
    const own = join(directory, randomUUID());
    await mkdir(own, { recursive: true, mode: 0o700 });
    try {
      const line = await prepare(cid, { args: command, terminal: tty, directory: own });
      return new ExecProcess(line, { stdin, directory: own, clock });
    } catch (error) {
      await rm(own, { recursive: true, force: true });
      throw error;
    }
  }

  private constructor(line: ExecLine, how: { stdin: boolean; directory: string; clock: Clock }) {
    this.#line = line;
    this.#clock = how.clock;
    this.#wantsInput = how.stdin;
    // The end of input would be the end of a terminal: it stays open, though nothing comes.
    this.#child = spawn(line, how.stdin || line.terminalFile !== undefined);
    // A command that ends without reading its input is no failure.
    this.#child.stdin?.on('error', () => {});
    this.exited = this.#end(how.directory);
  }

  get stdin(): Writable | null {
    return this.#wantsInput ? this.#child.stdin : null;
  }

  get stdout(): Readable {
    return this.#child.stdout;
  }

  get stderr(): Readable {
    return this.#child.stderr;
  }

  /** Nothing without a terminal, or when the command is over. */
  async resize({ rows, columns }: TerminalSize): Promise<void> {
    const terminal = await this.#terminal();
    if (terminal !== undefined)
      await tryCommand('stty', ['-F', terminal, 'rows', `${rows}`, 'cols', `${columns}`]);
  }

  /** Killing runc alone would leave the command running: its own session is killed, and runc ends with it. */
  async kill(): Promise<void> {
    for (let waitedMs = 0; !this.#over; waitedMs += pollMs) {
      const pid = Number(await readFile(this.#line.pidFile, 'utf8').catch(() => 0));
      if (waitedMs >= (pid > 0 ? endTimeoutMs : startTimeoutMs)) this.#child.kill('SIGKILL');
      if (pid > 0) await killSession(identify(pid));
      // Nobody reads what it wrote any more, and it must not wait for that.
      this.stdout.destroy();
      this.stderr.destroy();
      await sleep(this.#clock, pollMs);
    }
  }

  /** The device, as soon as it is known. */
  async #terminal(): Promise<string | undefined> {
    const { terminalFile } = this.#line;
    while (terminalFile !== undefined && !this.#over) {
      const name = await readFile(terminalFile, 'utf8').catch(() => '');
      if (name.endsWith('\n')) return name.trim();
      await sleep(this.#clock, pollMs);
    }
    return undefined;
  }

  async #end(directory: string): Promise<ExecEnd> {
    const { exitCode, code } = await this.#child;
    this.#over = true;
    try {
      if (code === 'ENOENT')
        return { exitCode: couldNotRun, why: `${this.#line.command} is not installed on this node` };
      return exitCode ? await this.#failure(exitCode) : { exitCode: exitCode ?? killed };
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  /** Where there is no pid there never was a process. */
  async #failure(exitCode: number): Promise<ExecEnd> {
    const started = await readFile(this.#line.pidFile, 'utf8').catch(() => '');
    if (started !== '') return { exitCode };
    const log = await readFile(this.#line.errorFile, 'utf8').catch(() => '');
    return { exitCode: couldNotRun, why: lastMessage(log) };
  }
}

function spawn({ command, args, env }: ExecLine, stdin: boolean) {
  return execa(command, args, {
    env: { ...toolEnvironment, ...env },
    extendEnv: false,
    stdio: [stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    buffer: false,
    reject: false,
    encoding: 'buffer',
  });
}

/** runc logs `{"level":"error","msg":"exec failed: …","time":…}`. */
function lastMessage(log: string): string {
  const line = log.trim().split('\n').at(-1) ?? '';
  try {
    return (JSON.parse(line) as { msg: string }).msg;
  } catch {
    return 'the command could not be run';
  }
}
