/**
 * A running container as a stream sees it: what it writes from now on is read from its log, or comes from the engine
 * that runs it; what comes in goes through its supervisor. Neither needs the agent that started it. A container that
 * was made for the one who attaches is shown from its first word on where the log tells, also when it said it before
 * he came.
 *
 * Invariant: the container never waits for who is attached, and goes on when he leaves.
 */
import { PassThrough, type Readable, type Writable } from 'node:stream';
import type { Clock } from '../../api/meta/clock.ts';
import type { TerminalSize } from '../../api/meta/stream-channels.ts';
import type { LogEntry } from '../logs/log-lines.ts';
import { followLog, type LogSource, type OpenLog, openNewestLog } from '../logs/log-reader.ts';
import type { Attachment, Command, ExecEnd } from '../runtime/command.ts';

export interface AttachOptions {
  attachment: Attachment;
  log: LogSource;
  /** Whether what it has written before is shown, too. */
  fromStart: boolean;
  clock: Clock;
}

const lineFeed = Buffer.from('\n');

export class AttachedContainer implements Command {
  readonly stdin: Writable | null;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves when the container is over; how it ended is its status, not the stream's. */
  readonly exited: Promise<ExecEnd>;
  readonly #attachment: Attachment;
  readonly #fromLog = { stdout: new PassThrough(), stderr: new PassThrough() };
  readonly #left = new AbortController();

  /** Nothing the container writes after this is called is missed. */
  static async open(options: AttachOptions): Promise<AttachedContainer> {
    const { attachment, log } = options;
    if (attachment.output) return new AttachedContainer(options, undefined);
    try {
      return new AttachedContainer(options, await openNewestLog(log, options));
    } catch (error) {
      await attachment.leave();
      throw error;
    }
  }

  private constructor({ attachment, log, clock }: AttachOptions, start: OpenLog | undefined) {
    const { output } = attachment;
    this.#attachment = attachment;
    this.stdin = attachment.stdin;
    ({ stdout: this.stdout, stderr: this.stderr } = output ?? this.#fromLog);
    const ended = output ? output.ended : this.#readLog(log, { start, clock });
    this.exited = ended.then(() => this.#end());
  }

  async resize(size: TerminalSize): Promise<void> {
    // The container may be over by now.
    await this.#attachment.resize(size).catch(() => {});
  }

  /** Lets go of the container. */
  async kill(): Promise<void> {
    this.#left.abort();
    this.stdout.destroy();
    this.stderr.destroy();
    await this.#attachment.leave();
    await this.exited;
  }

  async #end(): Promise<ExecEnd> {
    await this.#attachment.leave();
    return { exitCode: 0 };
  }

  async #readLog(
    log: LogSource,
    { start, clock }: { start: OpenLog | undefined; clock: Clock },
  ): Promise<void> {
    for await (const entries of followLog(log, start, { signal: this.#left.signal, clock }))
      for (const entry of entries) await this.#write(entry);
    this.#fromLog.stdout.end();
    this.#fromLog.stderr.end();
  }

  #write({ stream, text, isEnd }: LogEntry): Promise<void> {
    return written(this.#fromLog[stream], isEnd ? Buffer.concat([text, lineFeed]) : text);
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
