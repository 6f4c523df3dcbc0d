/**
 * A TCP proxy that breaks links on purpose: cut, refuse, a byte limit, answers that never arrive.
 * Needs no privileges and does exactly what it is told, when it is told.
 */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export class FaultProxy {
  #target = { host: '', port: 0 };
  readonly #server: Server;
  readonly #links = new Set<{ near: Socket; far: Socket }>();
  #port = 0;
  #dropResponses = false;
  #bytesUntilCut = Number.POSITIVE_INFINITY;
  /** Links made, and how often one was cut: a test can see that its fault happened. */
  connections = 0;
  cuts = 0;

  private constructor(target: string) {
    this.retarget(target);
    this.#server = createServer((near) => this.#link(near));
  }

  static async start(target: string): Promise<FaultProxy> {
    const proxy = new FaultProxy(target);
    await proxy.accept();
    return proxy;
  }

  get endpoint(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Breaks every link there is. New ones are accepted. */
  cut(): void {
    for (const { near, far } of this.#links) {
      near.resetAndDestroy();
      far.destroy();
    }
    this.#links.clear();
    this.cuts++;
  }

  /** New links go there. */
  retarget(target: string): void {
    const [host = '', port] = target.split(':');
    this.#target = { host, port: Number(port) };
  }

  /** From now on nobody gets through: connections are refused. */
  async refuse(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
  }

  async accept(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Cuts once, when this many more bytes have come back from the target. */
  cutAfter(bytes: number): void {
    this.#bytesUntilCut = bytes;
  }

  /** Requests still get through; what the target answers does not. */
  dropResponses(drop: boolean): void {
    this.#dropResponses = drop;
  }

  async stop(): Promise<void> {
    await this.refuse();
  }

  #link(near: Socket): void {
    const far = connect(this.#target);
    const link = { near, far };
    this.#links.add(link);
    this.connections++;
    const end = (): void => {
      near.destroy();
      far.destroy();
      this.#links.delete(link);
    };
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      socket.on('error', end).on('close', end);
    }
    near.on('data', (data) => far.write(data));
    far.on('data', (data) => this.#answer(near, data));
  }

  #answer(near: Socket, data: Buffer): void {
    if (this.#dropResponses) return;
    if (data.byteLength < this.#bytesUntilCut) {
      this.#bytesUntilCut -= data.byteLength;
      near.write(data);
      return;
    }
    this.#bytesUntilCut = Number.POSITIVE_INFINITY;
    this.cut();
  }
}
