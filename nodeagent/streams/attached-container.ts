/**
 * A running container as a stream sees it: what it writes from now on is read from its log, what comes in goes
 * through its supervisor. Neither needs the agent that started it. A container that was made for the one who
 * attaches is shown from its first word on, also when it said it before he came.
 *
 * Invariant: the container never waits for who is attached, and goes on when he leaves.
 */
import { PassThrough, type Writable } from 'node:stream';
import { execa } from 'execa';
import type { Clock } from '../../api/meta/clock.ts';
import type { TerminalSize } from '../../api/meta/stream-channels.ts';
import { toolEnvironment } from '../command.ts';
import type { LogEntry } from '../logs/log-lines.ts';
import { followLog, type LogSource, type OpenLog, openNewestLog } from '../logs/log-reader.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { ExecEnd } from './exec-process.ts';
import type { Command } from './exec-session.ts';

export interface AttachOptions {
  runtime: Pick<Runtime, 'inputLine' | 'resizeTerminal'>;
  cid: string;
  log: LogSource;
  /** Whether the container reads what comes in. */
  stdin: boolean;
  tty: boolean;
  /** Whether what it has written before is shown, too. */
  fromStart: boolean;
  clock: Clock;
}

const lineFeed = Buffer.from('\n');

type Input = ReturnType<typeof startInput>;

export class AttachedContainer implements Command {
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  /** Resolves when the container is over; how it ended is its status, not the stream's. */
  readonly exited: Promise<ExecEnd>;
  readonly #options: AttachOptions;
  readonly #input: Input | undefined;
  readonly #left = new AbortController();

  /** Nothing the container writes after this is called is missed. */
  static async open(options: AttachOptions): Promise<AttachedContainer> {
    return new AttachedContainer(options, await openNewestLog(options.log, options));
  }

  private constructor(options: AttachOptions, log: OpenLog | undefined) {
    this.#options = options;
    this.#input = options.stdin ? startInput(options.runtime.inputLine(options.cid)) : undefined;
    this.exited = this.#readLog(log);
  }

  get stdin(): Writable | null {
    return this.#input?.stdin ?? null;
  }

  async resize(size: TerminalSize): Promise<void> {
    const { tty, runtime, cid } = this.#options;
    // The container may be over by now.
    if (tty) await runtime.resizeTerminal(cid, size).catch(() => {});
  }

  /** Lets go of the container. */
  async kill(): Promise<void> {
    this.#left.abort();
    this.stdout.destroy();
    this.stderr.destroy();
    this.#input?.kill('SIGKILL');
    await this.exited;
  }

  async #readLog(start: OpenLog | undefined): Promise<ExecEnd> {
    const { log, clock } = this.#options;
    for await (const entries of followLog(log, start, { signal: this.#left.signal, clock }))
      for (const entry of entries) await this.#write(entry);
    this.stdout.end();
    this.stderr.end();
    this.#input?.kill('SIGKILL');
    await this.#input;
    return { exitCode: 0 };
  }

  #write({ stream, text, isEnd }: LogEntry): Promise<void> {
    return written(this[stream], isEnd ? Buffer.concat([text, lineFeed]) : text);
  }
}

/** Resolves when there is room for more, or nobody to read it. */
function written(to: PassThrough, bytes: Buffer): Promise<void> {
  if (to.destroyed || to.write(bytes)) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      to.off('drain', done);
      to.off('close', done);
      resolve();
    };
    to.once('drain', done);
    to.once('close', done);
  });
}

function startInput({ command, args }: { command: string; args: string[] }) {
  const child = execa(command, args, {
    env: toolEnvironment,
    extendEnv: false,
    // What the supervisor says is what the log says: it is read only so that nobody waits.
    stdio: ['pipe', 'ignore', 'ignore'],
    buffer: false,
    reject: false,
  });
  // A container that ends without reading its input is no failure.
  child.stdin.on('error', () => {});
  return child;
}
