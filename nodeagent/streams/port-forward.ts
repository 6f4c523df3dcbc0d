/** Joins a stream and a connection to a port of this node, on which its tasks listen. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { ApiError, asApiError } from '../../api/meta/api-error.ts';
import { channel, portChannel } from '../../api/meta/stream-channels.ts';
import type { ChannelSocket } from '../../client/channel-socket.ts';

const portBytes = 2;

/** Connects on the node's own loopback, or to a task's own address; throws ApiError ServiceUnavailable when nobody listens. */
export async function connectPort(port: number, host = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ host, port, allowHalfOpen: true });
  try {
    await once(socket, 'connect');
    return socket;
  } catch (error) {
    throw new ApiError(
      'ServiceUnavailable',
      `nothing answers on port ${port}: ${asApiError(error).message}`,
      {},
      error,
    );
  }
}

/** Resolves when both sides are over. Either may end its half and go on reading. */
export async function servePort(socket: ChannelSocket, target: Socket, port: number): Promise<void> {
  target.on('error', () => target.destroy());
  socket.gone.addEventListener('abort', () => target.destroy(), { once: true });
  if (socket.gone.aborted) target.destroy();
  const header = Buffer.alloc(portBytes);
  header.writeUInt16LE(port);
  await socket.send(portChannel.data, header);
  await socket.send(portChannel.error, header);
  await Promise.all([sendData(socket, target), readData(socket, target)]);
  socket.close();
  target.destroy();
}

async function sendData(socket: ChannelSocket, target: Socket): Promise<void> {
  try {
    for await (const chunk of target as AsyncIterable<Buffer>) await socket.send(portChannel.data, chunk);
    await socket.closeChannel(portChannel.data);
  } catch {
    // Broken by the task or by the client's going away.
  }
  // v4 cannot say that one half is over: then all is.
  if (target.destroyed || !socket.protocol.startsWith('v5.')) socket.close();
}

async function readData(socket: ChannelSocket, target: Socket): Promise<void> {
  try {
    for await (const { channel: number, payload } of socket.frames()) {
      if (number === channel.close) {
        target.end();
        return;
      }
      if (number !== portChannel.data)
        throw new ApiError('BadRequest', `a client sends nothing on channel ${number}`);
      if (!target.destroyed && !target.write(payload))
        await Promise.race([once(target, 'drain'), once(target, 'close')]).catch(() => {});
    }
    target.destroy();
  } catch (error) {
    target.destroy();
    socket.close('protocolError', asApiError(error).message);
  }
}
