/**
 * Joins a client's stream and an agent's, message by message and unread.
 *
 * Invariant: memory is bounded. A side that reads slowly stops the other's socket; when one side is over,
 * so is the other, with the same word.
 */
import type { RawData, WebSocket } from 'ws';
import type { Clock } from '../../meta/clock.ts';

/** Bytes on their way to one side, above which nothing more is read for it, and below which it goes on. */
const highWaterBytes = 1024 * 1024;
const lowWaterBytes = 256 * 1024;
const pingMs = 5000;
const closeTimeoutMs = 5000;
/** WebSocket close codes (RFC 6455, 7.4.1); the last two are never sent. */
const closeCode = { goingAway: 1001, internalError: 1011, none: 1005, broken: 1006 } as const;

export interface RelayOptions {
  clock: Clock;
  /** Without a message either way for so long, the stream is ended. */
  idleMs: number;
}

/** Resolves when both sides are closed. Both come paused. */
export async function relay(client: WebSocket, agent: WebSocket, options: RelayOptions): Promise<void> {
  const { clock, idleMs } = options;
  let idle = clock.after(idleMs, () => end('idle for too long'));
  const end = (why: string): void => {
    client.close(closeCode.goingAway, why);
    agent.close(closeCode.goingAway, why);
  };
  const onMessage = (): void => {
    idle.cancel();
    idle = clock.after(idleMs, () => end('idle for too long'));
  };
  const stopPings = keepAlive(client, clock);
  const closed = [closedWith(client), closedWith(agent)];
  // A client that was lost cannot be waited for, and the agent perhaps does not read.
  client.once('close', (code) => code === closeCode.broken && agent.terminate());
  forward(client, agent, { clock, onMessage });
  forward(agent, client, { clock, onMessage });
  await Promise.all(closed);
  idle.cancel();
  stopPings();
}

function forward(
  from: WebSocket,
  to: WebSocket,
  { clock, onMessage }: { clock: Clock; onMessage: () => void },
): void {
  let unsentBytes = 0;
  from.on('error', () => {});
  from.on('message', (data: RawData, isBinary: boolean) => {
    onMessage();
    const { length } = data as Buffer;
    unsentBytes += length;
    if (unsentBytes > highWaterBytes) from.pause();
    to.send(data, { binary: isBinary }, () => {
      unsentBytes -= length;
      if (unsentBytes <= lowWaterBytes) from.resume();
    });
  });
  from.once('close', (code, reason) => passClose(to, { code, reason: reason.toString(), clock }));
  from.resume();
}

function passClose(
  to: WebSocket,
  { code, reason, clock }: { code: number; reason: string; clock: Clock },
): void {
  if (code === closeCode.broken) to.close(closeCode.internalError, 'the other side of the stream was lost');
  else if (code === closeCode.none) to.close();
  else to.close(code, reason);
  // What it has not read yet must not keep it from reading the end.
  to.resume();
  const patience = clock.after(closeTimeoutMs, () => to.terminate());
  if (to.readyState === to.CLOSED) patience.cancel();
  else to.once('close', () => patience.cancel());
}

/** Writing to a client that is no more is how its end is noticed while nothing else is sent. */
function keepAlive(socket: WebSocket, clock: Clock): () => void {
  const ping = (): void => {
    if (socket.readyState === socket.OPEN) socket.ping();
    timer = clock.after(pingMs, ping);
  };
  let timer = clock.after(pingMs, ping);
  return () => timer.cancel();
}

function closedWith(socket: WebSocket): Promise<void> {
  if (socket.readyState === socket.CLOSED) return Promise.resolve();
  return new Promise((resolve) => socket.once('close', () => resolve()));
}
