/**
 * Joins a client's stream and an agent's, message by message and unread.
 *
 * Invariant: memory is bounded. A side that reads slowly stops the other's source; when one side is over,
 * so is the other, with the same word.
 */
import type { Clock } from '../../meta/clock.ts';
import { closeCode, type MessageStream } from './message-stream.ts';

/** Bytes on their way to one side, above which nothing more is read for it, and below which it goes on. */
const highWaterBytes = 1024 * 1024;
const lowWaterBytes = 256 * 1024;
const closeTimeoutMs = 5000;

export interface RelayOptions {
  clock: Clock;
  /** Without a message either way for so long, the stream is ended. */
  idleMs: number;
}

/** Resolves when both sides are closed. Both come paused. */
export async function relay(
  client: MessageStream,
  agent: MessageStream,
  { clock, idleMs }: RelayOptions,
): Promise<void> {
  let idle = clock.after(idleMs, () => end('idle for too long'));
  const end = (why: string): void => {
    client.close(closeCode.goingAway, why);
    agent.close(closeCode.goingAway, why);
  };
  const onMessage = (): void => {
    idle.cancel();
    idle = clock.after(idleMs, () => end('idle for too long'));
  };
  const closed = [closedWith(client), closedWith(agent)];
  // A client that was lost cannot be waited for, and the agent perhaps does not read.
  client.listen({ message() {}, closed: (code) => void (code === closeCode.broken && agent.terminate()) });
  forward(client, agent, { clock, onMessage });
  forward(agent, client, { clock, onMessage });
  await Promise.all(closed);
  idle.cancel();
}

function forward(
  from: MessageStream,
  to: MessageStream,
  { clock, onMessage }: { clock: Clock; onMessage: () => void },
): void {
  let unsentBytes = 0;
  from.listen({
    message(data, isBinary) {
      onMessage();
      const { length } = data;
      unsentBytes += length;
      if (unsentBytes > highWaterBytes) from.pause();
      to.send(data, isBinary, () => {
        unsentBytes -= length;
        if (unsentBytes <= lowWaterBytes) from.resume();
      });
    },
    closed: (code, reason) => passClose(to, { code, reason, clock }),
  });
  from.resume();
}

function passClose(
  to: MessageStream,
  { code, reason, clock }: { code: number; reason: string; clock: Clock },
): void {
  if (code === closeCode.broken) to.close(closeCode.internalError, 'the other side of the stream was lost');
  else if (code === closeCode.none) to.close();
  else to.close(code, reason);
  // What it has not read yet must not keep it from reading the end.
  to.resume();
  const patience = clock.after(closeTimeoutMs, () => to.terminate());
  if (to.isClosed) patience.cancel();
  else to.listen({ message() {}, closed: () => patience.cancel() });
}

function closedWith(stream: MessageStream): Promise<void> {
  if (stream.isClosed) return Promise.resolve();
  return new Promise((resolve) => stream.listen({ message() {}, closed: () => resolve() }));
}
