/**
 * A request and its answer, free of any transport: the listener (listener.ts) makes them from sockets, the
 * test harness calls `handle` with them directly. Header names are lower case.
 */
import type { AgentSide } from './streams/transport.ts';
import type { User } from './user.ts';

export interface ApiRequest {
  method: string;
  /** Raw path and query, as they came over the wire. */
  url: string;
  headers: Readonly<Record<string, string | undefined>>;
  body: Buffer;
  /** Who asks, when the transport already knows (in-process calls). */
  user?: User;
  /** Subject of the client's verified certificate. */
  certificate?: { commonName: string; organizations: string[] };
  /** Its connection can become a stream both ways. */
  mayUpgrade?: boolean;
  /** Aborts when the client has gone away. */
  signal: AbortSignal;
}

export interface ApiResponse {
  status: number;
  headers: Record<string, string | string[]>;
  body: Buffer | AsyncIterable<Buffer>;
  /** With status 101: what the client's connection is to be joined with. */
  stream?: AgentSide;
  /** To be called when the stream is over. */
  onStreamEnd?: () => void;
}

const json = 'application/json';

export function jsonResponse(
  status: number,
  body: unknown,
  headers: ApiResponse['headers'] = {},
): ApiResponse {
  return bytesResponse(status, Buffer.from(JSON.stringify(body)), headers);
}

export function bytesResponse(
  status: number,
  body: ApiResponse['body'],
  headers: ApiResponse['headers'] = {},
): ApiResponse {
  return { status, headers: { 'content-type': json, ...headers }, body };
}

export function textResponse(status: number, text: string): ApiResponse {
  return bytesResponse(status, Buffer.from(text), { 'content-type': 'text/plain; charset=utf-8' });
}
