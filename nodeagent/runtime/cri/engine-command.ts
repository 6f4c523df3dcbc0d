/**
 * A command in a container, or the container itself, over the streams an engine serves: one connection to the address
 * it gave, upgraded to SPDY/3.1, on it a stream for each of error, stdin, stdout, stderr and resize
 * (`v4.channel.k8s.io`). SPDY, because only there standard input can end while output goes on.
 *
 * Invariant: nothing more is read while nobody takes what came; when the connection is over, everything is.
 */
import { once } from 'node:events';
import { request } from 'node:http';
import { type Duplex, PassThrough, Writable } from 'node:stream';
import { ApiError, asApiError } from '../../../api/meta/api-error.ts';
import { encodeData, encodeSynStream, type SpdyFrame, SpdyFrames } from '../../../api/meta/spdy-frames.ts';
import { SpdyHeaderWriter } from '../../../api/meta/spdy-header-writer.ts';
import { exitCodeOf, type TerminalSize } from '../../../api/meta/stream-channels.ts';
import { type Command, couldNotRun, type ExecEnd } from '../command.ts';
import type { AttachWish } from '../runtime.ts';

type StreamName = 'error' | 'stdin' | 'stdout' | 'stderr' | 'resize';

const killed = 137;
const maxStatusBytes = 64 * 1024;

export class EngineCommand implements Command {
  readonly stdin: Writable | null;
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly exited: Promise<ExecEnd>;
  readonly #socket: Duplex;
  readonly #over = new AbortController();
  readonly #ids = new Map<StreamName, number>();
  #status: Buffer = Buffer.alloc(0);

  /** `url` is good for one connection, soon. */
  static async open(url: string, wish: AttachWish): Promise<EngineCommand> {
    return new EngineCommand(await upgraded(url), wish);
  }

  /** Aborts when the connection is over. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  private constructor(socket: Duplex, { stdin, tty }: AttachWish) {
    this.#socket = socket;
    socket.on('error', () => {});
    const last: StreamName = tty ? 'resize' : 'stderr';
    const names: StreamName[] = ['error', ...(stdin ? (['stdin'] as const) : []), 'stdout', last];
    const headers = new SpdyHeaderWriter();
    for (const [index, name] of names.entries()) {
      const id = 2 * index + 1;
      this.#ids.set(name, id);
      socket.write(encodeSynStream(id, headers.block({ streamtype: name })));
    }
    this.stdin = stdin ? this.#input() : null;
    this.exited = this.#read();
  }

  async resize({ columns: Width, rows: Height }: TerminalSize): Promise<void> {
    const id = this.#ids.get('resize');
    if (id !== undefined) this.#send(encodeData(id, Buffer.from(JSON.stringify({ Width, Height }))));
  }

  /** Breaks the connection off; what is at its other end goes on. */
  async kill(): Promise<void> {
    this.stdout.destroy();
    this.stderr.destroy();
    this.#socket.destroy();
    await this.exited;
  }

  #input(): Writable {
    const id = this.#ids.get('stdin') ?? 0;
    return new Writable({
      write: (chunk: Buffer, _encoding, done) => this.#send(encodeData(id, chunk), done),
      final: (done) => this.#send(encodeData(id, Buffer.alloc(0), true), done),
    });
  }

  #send(bytes: Buffer, done: () => void = () => {}): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) done();
    else this.#socket.write(bytes, () => done());
  }

  async #read(): Promise<ExecEnd> {
    const frames = new SpdyFrames();
    try {
      for await (const chunk of this.#socket as AsyncIterable<Buffer>)
        for (const frame of frames.push(chunk)) await this.#take(frame);
    } catch {
      // Broken off, by either side: what was said before counts.
    }
    this.#socket.destroy();
    this.stdin?.destroy();
    this.stdout.end();
    this.stderr.end();
    this.#over.abort();
    return this.#end();
  }

  async #take(frame: SpdyFrame): Promise<void> {
    if (frame.type !== 'data') return;
    const { streamId, data } = frame;
    if (streamId === this.#ids.get('stdout')) await passedOn(data, this.stdout);
    else if (streamId === this.#ids.get('stderr')) await passedOn(data, this.stderr);
    else if (streamId === this.#ids.get('error') && this.#status.length < maxStatusBytes)
      this.#status = Buffer.concat([this.#status, data]);
  }

  #end(): ExecEnd {
    if (this.#status.length === 0) return { exitCode: killed };
    try {
      return { exitCode: exitCodeOf(this.#status) };
    } catch (error) {
      return { exitCode: couldNotRun, why: asApiError(error).message };
    }
  }
}

/** Resolves when there is room for more, or nobody to read it. */
async function passedOn(data: Buffer, to: PassThrough): Promise<void> {
  if (to.destroyed || to.write(data)) return;
  const over = new AbortController();
  const { signal } = over;
  await Promise.race([once(to, 'drain', { signal }), once(to, 'close', { signal })]).catch(() => {});
  over.abort();
}

function upgraded(url: string): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const refused = (why: string): void =>
      reject(new ApiError('InternalError', `the engine opens no stream: ${why}`));
    const opening = request(url, {
      method: 'POST',
      agent: false,
      headers: {
        Connection: 'Upgrade',
        Upgrade: 'SPDY/3.1',
        'X-Stream-Protocol-Version': 'v4.channel.k8s.io',
      },
    });
    opening.once('upgrade', (_response, socket, head) => {
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    opening.once('response', (response) => {
      response.resume();
      refused(`it answers ${response.statusCode}`);
    });
    opening.once('error', (error) => refused(error.message));
    opening.end();
  });
}
