/** One connection to a port of a task: bytes both ways through a stream of its own, each half ended by itself. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Task } from '../api/kinds/resources.ts';
import { channel, chunkBytes, portChannel } from '../api/meta/stream-channels.ts';
import type { ChannelSocket } from '../client/channel-socket.ts';
import { objectPath } from '../client/resource-path.ts';
import type { Session } from './command.ts';

const portBytes = 2;

export interface PortTarget {
  task: string;
  port: number;
}

/** Resolves when both sides are over; throws what the server says when the port cannot be reached. */
export async function tunnel(
  local: Socket,
  { openStream, namespace }: Session,
  { task, port }: PortTarget,
): Promise<void> {
  local.on('error', () => local.destroy());
  try {
    const stream = await openStream(
      `${objectPath(Task, { namespace, name: task }, 'portforward')}?ports=${port}`,
    );
    stream.gone.addEventListener('abort', () => local.destroySoon(), { once: true });
    local.once('close', () => stream.close());
    await Promise.all([sendAll(local, stream), receiveAll(stream, local)]);
  } finally {
    local.destroySoon();
  }
}

async function sendAll(local: Socket, stream: ChannelSocket): Promise<void> {
  try {
    for await (const chunk of local.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>)
      for (let at = 0; at < chunk.length; at += chunkBytes)
        await stream.send(portChannel.data, chunk.subarray(at, at + chunkBytes));
    await stream.closeChannel(portChannel.data);
  } catch {
    // The program at this end broke off: its stream is closed with it.
  }
}

async function receiveAll(stream: ChannelSocket, local: Socket): Promise<void> {
  let toSkip = portBytes;
  for await (const { channel: number, payload } of stream.frames()) {
    if (number === channel.close) local.end();
    if (number !== portChannel.data) continue;
    const data = payload.subarray(toSkip);
    toSkip = Math.max(0, toSkip - payload.length);
    if (data.length > 0 && !local.destroyed && !local.write(data))
      await Promise.race([once(local, 'drain'), once(local, 'close')]).catch(() => {});
  }
}
