/**
 * The DNS server of a node: one UDP and one TCP socket on the node's address. Its tasks' resolv.conf names it.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import type { Logger } from '../../api/meta/logger.ts';
import { type Answering, answerMessage } from './dns-message.ts';
import { FrameReader, framed } from './forwarder.ts';

export interface DnsServerOptions extends Answering {
  logger: Logger;
}

const maxConnections = 256;
const idleMs = 10_000;

export class DnsServer {
  readonly #options: DnsServerOptions;
  readonly #connections = new Set<Socket>();
  #udp: UdpSocket | undefined;
  #tcp: Server | undefined;

  constructor(options: DnsServerOptions) {
    this.#options = options;
  }

  /** Gives the port. Rejects when one of the sockets cannot be had; nothing is left open then. */
  async listen(address: string, port: number): Promise<number> {
    try {
      const bound = await this.#listenUdp(address, port);
      await this.#listenTcp(address, bound);
      return bound;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const [udp, tcp] = [this.#udp, this.#tcp];
    this.#udp = this.#tcp = undefined;
    for (const connection of this.#connections) connection.destroy();
    await Promise.all([
      udp && new Promise<void>((resolve) => udp.close(() => resolve())),
      tcp?.listening && new Promise<void>((resolve) => tcp.close(() => resolve())),
    ]);
  }

  #listenUdp(address: string, port: number): Promise<number> {
    const socket = createSocket('udp4');
    socket.on('message', (message, { address: from, port: fromPort }) => {
      this.#answer(message, 'udp', (answer) => {
        if (this.#udp === socket) socket.send(answer, fromPort, from, () => {});
      });
    });
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ address, port, exclusive: true }, () => {
        socket.off('error', reject);
        socket.on('error', (error) => this.#options.logger.warn({ err: error }, 'DNS over UDP'));
        this.#udp = socket;
        resolve(socket.address().port);
      });
    });
  }

  #listenTcp(address: string, port: number): Promise<void> {
    const server = createServer((connection) => this.#serve(connection));
    server.maxConnections = maxConnections;
    this.#tcp = server;
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: address, port, exclusive: true }, () => resolve());
    });
  }

  #serve(connection: Socket): void {
    const frames = new FrameReader();
    this.#connections.add(connection);
    connection.setTimeout(idleMs, () => connection.destroy());
    connection.on('close', () => this.#connections.delete(connection));
    connection.on('error', () => connection.destroy());
    connection.on('data', (chunk) => {
      for (const message of frames.read(chunk))
        this.#answer(message, 'tcp', (answer) => connection.writable && connection.write(framed(answer)));
    });
  }

  #answer(message: Buffer, transport: 'udp' | 'tcp', reply: (answer: Buffer) => void): void {
    answerMessage(this.#options, message, transport).then(
      (answer) => answer && reply(answer),
      (error: unknown) => this.#options.logger.warn({ err: error }, 'a DNS query could not be answered'),
    );
  }
}
