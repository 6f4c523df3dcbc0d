/** The API server's end of a stream to a node agent. */
import type { IncomingMessage } from 'node:http';
import type { Agent } from 'node:https';
import WebSocket from 'ws';
import { maxFrameBytes } from '../../meta/stream-channels.ts';
import { agentError, unreachable } from '../agent-error.ts';

const handshakeTimeoutMs = 10_000;

/** Resolves with an open stream, paused. Throws ApiError ServiceUnavailable, or what the agent's Status says. */
export function openAgentStream(
  agent: Agent,
  url: URL,
  { protocol, signal }: { protocol: string; signal: AbortSignal },
): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, protocol, {
      agent,
      perMessageDeflate: false,
      maxPayload: maxFrameBytes,
      handshakeTimeout: handshakeTimeoutMs,
      followRedirects: false,
    });
    const giveUp = (): void => socket.terminate();
    signal.addEventListener('abort', giveUp, { once: true });
    socket.once('unexpected-response', (_request: unknown, response: IncomingMessage) => {
      agentError(response)
        .then(reject, reject)
        .finally(() => socket.terminate());
    });
    socket.on('error', (error) => reject(unreachable(url, error)));
    socket.once('open', () => {
      socket.pause();
      signal.removeEventListener('abort', giveUp);
      resolve(socket);
    });
  });
}
