/** The NodeClient of a real server: HTTPS to the agent with the API server's own client certificate. */

import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { agentError, unreachable } from './agent-error.ts';
import type { NodeClient } from './node-client.ts';
import { openAgentStream } from './streams/agent-stream.ts';

export interface AgentClientOptions {
  /** PEM. */
  cert: string;
  key: string;
  ca: string;
}

const connectTimeoutMs = 5000;

export function createAgentClient({ cert, key, ca }: AgentClientOptions): NodeClient & { close(): void } {
  const agent = new Agent({ cert, key, ca, keepAlive: true, maxFreeSockets: 16 });
  return {
    async stream(url, signal) {
      const response = await get(agent, url, signal);
      if (response.statusCode === 200) return response as AsyncIterable<Buffer>;
      throw await agentError(response);
    },
    openStream: (url, options) => openAgentStream(agent, url, options),
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
    request.once('error', (error) => reject(unreachable(url, error)));
    request.end();
  });
}
