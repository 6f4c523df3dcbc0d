/** The NodeClient of a real server: HTTPS to the agent with the API server's own client certificate. */

import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { ApiError } from '../meta/api-error.ts';
import type { NodeClient } from './node-client.ts';

export interface AgentClientOptions {
  /** PEM. */
  cert: string;
  key: string;
  ca: string;
}

const connectTimeoutMs = 5000;
const maxErrorBytes = 64 * 1024;

export function createAgentClient({ cert, key, ca }: AgentClientOptions): NodeClient & { close(): void } {
  const agent = new Agent({ cert, key, ca, keepAlive: true, maxFreeSockets: 16 });
  return {
    async stream(url, signal) {
      const response = await get(agent, url, signal);
      if (response.statusCode === 200) return response as AsyncIterable<Buffer>;
      throw await errorOf(response);
    },
    close: () => agent.destroy(),
  };
}

function get(agent: Agent, url: URL, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(url, { agent, signal, timeout: connectTimeoutMs }, (response) => {
      // A log that is followed may be silent for hours.
      request.setTimeout(0);
      resolve(response);
    });
    request.once('timeout', () =>
      request.destroy(new Error(`no answer within ${connectTimeoutMs / 1000} s`)),
    );
    request.once('error', (error) =>
      reject(
        new ApiError(
          'ServiceUnavailable',
          `the node agent at ${url.host} cannot be reached: ${error.message}`,
          {},
          error,
        ),
      ),
    );
    request.end();
  });
}

/** Agents answer with a v1.Status; anything else is told by its HTTP code. */
async function errorOf(response: IncomingMessage): Promise<ApiError> {
  let text = '';
  for await (const chunk of response) {
    text += String(chunk);
    if (text.length > maxErrorBytes) break;
  }
  const code = response.statusCode ?? 500;
  try {
    return ApiError.fromStatus(JSON.parse(text) as object, code);
  } catch {
    return ApiError.fromStatus({ message: text.slice(0, 1000) || `the node agent answered ${code}` }, code);
  }
}
