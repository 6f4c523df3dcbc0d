/** How the API server reaches node agents: a GET that streams text, and streams both ways. main.ts makes it with mutual TLS. */
import type { WebSocket } from 'ws';

export interface NodeClient {
  /** Throws ApiError ServiceUnavailable when the agent cannot be reached, or what the agent's Status says. */
  stream(url: URL, signal: AbortSignal): Promise<AsyncIterable<Buffer>>;
  /** The same, for frames of `protocol`. The stream comes open and paused. */
  openStream(url: URL, options: { protocol: string; signal: AbortSignal }): Promise<WebSocket>;
}
