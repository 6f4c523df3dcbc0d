/** Opens a stream to a running task through the API server: a WebSocket with the identity of the cluster's configuration. */
import type { IncomingMessage } from 'node:http';
import WebSocket from 'ws';
import { ApiError, type Status } from '../api/meta/api-error.ts';
import { type Clock, systemClock } from '../api/meta/clock.ts';
import { streamProtocols } from '../api/meta/stream-channels.ts';
import { ChannelSocket, socketOptions } from './channel-socket.ts';
import type { ClusterConfig } from './cluster-config.ts';

const handshakeTimeoutMs = 15_000;
const maxErrorBytes = 64 * 1024;

/** `path` with its query. Throws what the server's Status says, ServiceUnavailable when there is no server. */
export async function openStream(
  config: ClusterConfig,
  path: string,
  { clock = systemClock, signal }: { clock?: Clock; signal?: AbortSignal } = {},
): Promise<ChannelSocket> {
  const socket = new WebSocket(new URL(path, config.server), [...streamProtocols], {
    ...socketOptions,
    handshakeTimeout: handshakeTimeoutMs,
    ...tlsOptions(config),
    headers: config.token ? { authorization: `Bearer ${config.token}` } : {},
  });
  const abort = (): void => socket.terminate();
  signal?.addEventListener('abort', abort, { once: true });
  await opened(socket);
  const stream = new ChannelSocket(socket, clock);
  stream.gone.addEventListener('abort', () => signal?.removeEventListener('abort', abort), { once: true });
  return stream;
}

function tlsOptions(config: ClusterConfig): WebSocket.ClientOptions {
  return {
    rejectUnauthorized: !config.insecureSkipTlsVerify,
    ...(config.ca ? { ca: config.ca } : {}),
    ...(config.clientCertificate ? { cert: config.clientCertificate } : {}),
    ...(config.clientKey ? { key: config.clientKey } : {}),
    ...(config.tlsServerName ? { servername: config.tlsServerName } : {}),
  };
}

function opened(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.on('error', (error) =>
      reject(new ApiError('ServiceUnavailable', `no stream: ${error.message}`, {}, error)),
    );
    socket.once('unexpected-response', (_request: unknown, response: IncomingMessage) => {
      refusal(response)
        .then(reject, reject)
        .finally(() => socket.terminate());
    });
    socket.once('open', () => {
      socket.pause();
      resolve();
    });
  });
}

async function refusal(response: IncomingMessage): Promise<ApiError> {
  let text = '';
  for await (const chunk of response) {
    text += String(chunk);
    if (text.length > maxErrorBytes) break;
  }
  const code = response.statusCode ?? 500;
  try {
    return ApiError.fromStatus(JSON.parse(text) as Partial<Status>, code);
  } catch {
    return ApiError.fromStatus({ message: text.slice(0, 500) || `the server answered ${code}` }, code);
  }
}
