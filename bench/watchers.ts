/** Many watches at once. All of them count what they hear; a few look into it, for how late it is. */
import { sleep, systemClock } from '../api/meta/clock.ts';
import type { Transport, TransportStream } from '../client/transport.ts';

const path = '/api/v1/namespaces/default/configmaps?watch=true';
const looking = 20;
const newline = 10;
const patienceMs = 15_000;

export class Watchers {
  readonly #transport: Transport;
  #closed = false;
  /** Events each of them has had. */
  #counts: number[] = [];
  lateMs: number[] = [];

  private constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Resolves when all of them have the present state. */
  static async open(transport: Transport, count: number): Promise<Watchers> {
    const watchers = new Watchers(transport);
    watchers.#counts = Array.from({ length: count }, () => 0);
    const from = await watchers.#currentVersion();
    for (let at = 0; at < count; at += 50) {
      const group = Array.from({ length: Math.min(50, count - at) }, (_, offset) => at + offset);
      await Promise.all(
        group.map(async (index) => {
          const stream = await watchers.#stream(`&resourceVersion=${from}`);
          void watchers.#read(stream, index);
        }),
      );
    }
    return watchers;
  }

  /** How many events all of them have had together. */
  get delivered(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  reset(): void {
    this.#counts.fill(0);
    this.lateMs = [];
  }

  /** How many events are still outstanding of the `expected` each should have had. */
  missed(expected: number): number {
    return this.#counts.reduce((sum, count) => sum + Math.max(0, expected - count), 0);
  }

  /** Resolves when nothing is outstanding, or nothing more is to be hoped for. */
  async caughtUp(expected: number): Promise<void> {
    const startMs = performance.now();
    while (this.missed(expected) > 0 && performance.now() - startMs < patienceMs)
      await sleep(systemClock, 20);
  }

  /** One that has its connection open and never reads from it. */
  async openOneThatDoesNotRead(): Promise<{ close(): Promise<void> }> {
    const { chunks } = await this.#stream('');
    const iterator = chunks[Symbol.asyncIterator]();
    await iterator.next();
    return {
      close: async () => {
        await iterator.return?.();
      },
    };
  }

  /** Closes the transport as well. */
  close(): void {
    this.#closed = true;
    this.#transport.close();
  }

  async #currentVersion(): Promise<string> {
    const request = { method: 'GET', path: path.replace('watch=true', 'limit=1'), headers: {} };
    const { body } = await this.#transport.request(request);
    return JSON.parse(body.toString()).metadata.resourceVersion;
  }

  #stream(query: string): Promise<TransportStream> {
    return this.#transport.stream({ method: 'GET', path: path + query, headers: {} });
  }

  async #read({ chunks }: TransportStream, index: number): Promise<void> {
    let rest = '';
    try {
      for await (const chunk of chunks) {
        if (index >= looking) this.#counts[index]! += linesIn(chunk);
        else rest = this.#look(rest + chunk.toString(), index);
      }
    } catch (error) {
      if (!this.#closed) throw error;
    }
  }

  /** Gives what comes after the last whole line. */
  #look(text: string, index: number): string {
    const lines = text.split('\n');
    const rest = lines.pop() ?? '';
    const nowMs = performance.now();
    for (const line of lines) {
      this.#counts[index]! += 1;
      this.lateMs.push(nowMs - Number(JSON.parse(line).object.data?.sentMs));
    }
    return rest;
  }
}

function linesIn(chunk: Buffer): number {
  let count = 0;
  for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, at + 1)) count++;
  return count;
}
