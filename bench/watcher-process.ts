/**
 * The process of the watchers: `watcher-process.ts KUBECONFIG COUNT` over TLS sockets of its own, at the lowest
 * price: events are counted by their line ends, and only a few watchers look into them, for how late they are.
 * Tells its parent every few milliseconds what it has heard.
 */
import { connect, type TLSSocket } from 'node:tls';
import { systemClock } from '../api/meta/clock.ts';
import { silentLogger } from '../api/meta/logger.ts';
import { Loop } from '../api/meta/loop.ts';
import type { ClusterConfig } from '../client/cluster-config.ts';
import { loadClusterConfig } from '../client/kubeconfig.ts';

export interface Heard {
  /** Events of all watchers together, since they opened. */
  delivered: number;
  /** Events of the watcher that has had fewest. */
  fewest: number;
  /** How late events were that came since the last message, in milliseconds. */
  lateMs: number[];
}

const path = '/api/v1/namespaces/default/configmaps?watch=true&sendInitialEvents=false';
const match = 'resourceVersionMatch=NotOlderThan';
const looking = 20;
const together = 50;
const reportMs = 10;
const newline = 10;
const closingBrace = 0x7d;
const sentAt = /"sentMs":"([\d.]+)"/g;

const [kubeconfig = '', count = '0'] = process.argv.slice(2);
const config = await loadClusterConfig([kubeconfig]);
const counts = Array.from({ length: Number(count) }, () => 0);
let lateMs: number[] = [];

for (let at = 0; at < counts.length; at += together) {
  const group = [...counts.keys()].slice(at, at + together);
  await Promise.all(group.map(async (index) => listen(await open(config), index)));
}

new Loop({
  name: 'report',
  intervalMs: reportMs,
  clock: systemClock,
  logger: silentLogger,
  step: async () => {
    const delivered = counts.reduce((sum, events) => sum + events, 0);
    const heard: Heard = { delivered, fewest: Math.min(...counts), lateMs };
    lateMs = [];
    process.send?.(heard);
  },
}).start();
process.once('disconnect', () => process.exit(0));

/** Resolves when the head of the answer is there. */
function open({ server, ca, clientCertificate: cert, clientKey: key }: ClusterConfig): Promise<TLSSocket> {
  const { hostname, port, host } = new URL(server);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port), ca, cert, key }, () =>
      socket.write(`GET ${path}&${match} HTTP/1.1\r\nHost: ${host}\r\nAccept: application/json\r\n\r\n`),
    );
    socket.once('error', reject);
    socket.once('data', (head: Buffer) =>
      head.toString('latin1', 0, 12) === 'HTTP/1.1 200' ? resolve(socket) : reject(new Error(`${head}`)),
    );
  });
}

function listen(socket: TLSSocket, index: number): void {
  let last = 0;
  let rest = '';
  socket.on('data', (chunk: Buffer) => {
    counts[index]! += eventsIn(chunk, last);
    last = chunk.at(-1) ?? last;
    if (index < looking) rest = look(rest + chunk.toString('latin1'));
  });
}

/** Lines of chunked coding end in a carriage return before the newline, events in a brace. */
function eventsIn(chunk: Buffer, last: number): number {
  let events = 0;
  for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, at + 1)) {
    if ((at === 0 ? last : chunk[at - 1]) === closingBrace) events++;
  }
  return events;
}

/** Gives what comes after the last event. */
function look(text: string): string {
  const end = text.lastIndexOf('}\n') + 1;
  const nowMs = performance.timeOrigin + performance.now();
  for (const [, sentMs] of text.slice(0, end).matchAll(sentAt)) lateMs.push(nowMs - Number(sentMs));
  return text.slice(end);
}
