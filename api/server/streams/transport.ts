/**
 * How a client wants its stream carried, from the headers of its request:
 *
 *   websocket     one WebSocket of `v5.channel.k8s.io` messages (kubectl 1.30 and later, gantry)
 *   spdy          streams of one SPDY/3.1 connection (kubectl up to 1.29; port-forward up to 1.30)
 *   spdy tunnel   the same connection inside a WebSocket (port-forward of kubectl 1.31 and later)
 */
import type { WebSocket } from 'ws';
import { ApiError } from '../../meta/api-error.ts';
import { streamProtocols } from '../../meta/stream-channels.ts';
import { type AttachRequest, agreedProtocol } from '../../meta/stream-requests.ts';
import type { ApiRequest, ApiResponse } from '../request.ts';

type OpenPort = (port: number) => Promise<WebSocket>;

/** What stands behind a client's connection: one stream of the agent's, or one for each connection to a port. */
export type AgentSide =
  | { over: 'websocket'; agent: WebSocket }
  | { over: 'spdy'; agent: WebSocket; request: AttachRequest }
  | { over: 'spdy ports'; open: OpenPort }
  | { over: 'spdy ports tunnel'; open: OpenPort };

export interface Transport {
  over: AgentSide['over'];
  /** What the agent is to speak. */
  protocol: string;
  /** Of the 101 to the client. */
  headers: ApiResponse['headers'];
}

const portProtocol = 'portforward.k8s.io';
const tunnelProtocol = `SPDY/3.1+${portProtocol}`;
const webSocketHeader = 'sec-websocket-protocol';
const spdyHeader = 'x-stream-protocol-version';

/** For a command. Throws ApiError BadRequest. */
export function channelTransport(request: ApiRequest): Transport {
  if (isSpdy(request)) return spdy(request, 'spdy', streamProtocols);
  return webSocket(request);
}

/** For ports. Throws ApiError BadRequest. */
export function portTransport(request: ApiRequest): Transport {
  if (isSpdy(request)) return spdy(request, 'spdy ports', [portProtocol]);
  const offered = request.headers[webSocketHeader]?.split(',').map((word) => word.trim());
  if (!offered?.includes(tunnelProtocol)) return webSocket(request);
  const headers = { [webSocketHeader]: tunnelProtocol };
  return { over: 'spdy ports tunnel', protocol: streamProtocols[0], headers };
}

function isSpdy({ mayUpgrade, headers }: ApiRequest): boolean {
  return mayUpgrade === true && headers['upgrade']?.toLowerCase() === 'spdy/3.1';
}

function spdy(request: ApiRequest, over: AgentSide['over'], supported: readonly string[]): Transport {
  const protocol = agreedProtocol(request.headers[spdyHeader], supported, spdyHeader);
  const headers = { connection: 'Upgrade', upgrade: 'SPDY/3.1', [spdyHeader]: protocol };
  return { over, protocol: streamProtocols[0], headers };
}

function webSocket({ mayUpgrade, headers }: ApiRequest): Transport {
  if (!mayUpgrade || headers['upgrade']?.toLowerCase() !== 'websocket')
    throw new ApiError(
      'BadRequest',
      'this is a stream both ways: ask for it with an upgrade to websocket or SPDY/3.1',
    );
  const protocol = agreedProtocol(headers[webSocketHeader], streamProtocols, webSocketHeader);
  return { over: 'websocket', protocol, headers: { [webSocketHeader]: protocol } };
}
