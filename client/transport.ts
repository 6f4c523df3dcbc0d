/**
 * How requests get to an API server: over TLS (https-transport.ts), or into one in the same process
 * (tests). Errors that a transport throws are ApiErrors; an answer of any status is an answer.
 */
export interface TransportRequest {
  method: string;
  /** Path and query. */
  path: string;
  headers: Record<string, string>;
  body?: string | Buffer;
  signal?: AbortSignal;
}

export interface TransportHead {
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface TransportAnswer extends TransportHead {
  body: Buffer;
}

export interface TransportStream extends TransportHead {
  /** Ends when the server ends it; throws ApiError ServiceUnavailable when the connection breaks. */
  chunks: AsyncIterable<Buffer>;
}

export interface Transport {
  /**
   * Throws ServiceUnavailable when the request surely did not reach the server (or only reads), Timeout
   * when it may have taken effect.
   */
  request(request: TransportRequest): Promise<TransportAnswer>;
  /** Resolves with the head; the body may go on for ever. */
  stream(request: TransportRequest): Promise<TransportStream>;
  /** Closes idle connections. */
  close(): void;
}
