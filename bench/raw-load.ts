/**
 * GET requests at the lowest price: prepared bytes over kept TLS connections, answers counted by their
 * Content-Length and not parsed, so that what is measured is the server and not its client.
 */
import { connect, type TLSSocket } from 'node:tls';
import type { ClusterConfig } from '../client/cluster-config.ts';

export interface RawLoad {
  config: ClusterConfig;
  path: (index: number) => string;
  count: number;
  /** Each has one request in flight. */
  connections: number;
}

/** Requests answered with 200 per second. */
export async function getRate({ config, path, count, connections }: RawLoad): Promise<number> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(config)));
  let next = 0;
  const startMs = performance.now();
  await Promise.all(
    sockets.map((socket) => drive(socket, config, () => (next < count ? path(next++) : undefined))),
  );
  return count / ((performance.now() - startMs) / 1000);
}

function open({ server, ca, clientCertificate: cert, clientKey: key }: ClusterConfig): Promise<TLSSocket> {
  const { hostname, port } = new URL(server);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), ca, cert, key }, () => resolve(socket));
    socket.setNoDelay(true).once('error', reject);
  });
}

function drive(
  socket: TLSSocket,
  { server }: ClusterConfig,
  nextPath: () => string | undefined,
): Promise<void> {
  const { host } = new URL(server);
  return new Promise((resolve, reject) => {
    let answer: Buffer = Buffer.alloc(0);
    const ask = (): void => {
      const path = nextPath();
      if (path === undefined) {
        socket.end(resolve);
        return;
      }
      socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nAccept: application/json\r\n\r\n`);
    };
    socket.on('data', (bytes: Buffer) => {
      answer = answer.length === 0 ? bytes : Buffer.concat([answer, bytes]);
      const length = lengthOf(answer);
      if (length === undefined || answer.length < length) return;
      if (!answer.subarray(0, 12).equals(success))
        return void reject(new Error(answer.toString('utf8', 0, 400)));
      answer = answer.subarray(length);
      ask();
    });
    socket.once('error', reject);
    ask();
  });
}

const success = Buffer.from('HTTP/1.1 200');
const endOfHead = Buffer.from('\r\n\r\n');

/** Of the whole answer, in bytes; undefined while its head is not there. */
function lengthOf(answer: Buffer): number | undefined {
  const head = answer.indexOf(endOfHead);
  if (head < 0) return undefined;
  const length = /\r\ncontent-length: (\d+)/i.exec(answer.toString('latin1', 0, head))?.[1];
  return head + endOfHead.length + Number(length);
}
