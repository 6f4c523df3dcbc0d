/** How the API server reaches node agents: one GET that streams text. main.ts makes it with mutual TLS. */
export interface NodeClient {
  /** Throws ApiError ServiceUnavailable when the agent cannot be reached, or what the agent's Status says. */
  stream(url: URL, signal: AbortSignal): Promise<AsyncIterable<Buffer>>;
}
