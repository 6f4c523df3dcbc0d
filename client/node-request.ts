/**
 * A request to a node's agent itself, by mutual TLS: for administrators, whose certificate agents take, and for
 * other agents, who may have blobs of images. What
 * is carried may be large: bodies go as streams, both ways.
 */
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Node } from '../api/kinds/resources.ts';
import { ApiError } from '../api/meta/api-error.ts';
import { readBody } from './bounded-body.ts';
import type { ClusterConfig } from './cluster-config.ts';

export interface NodeRequest {
  method: 'GET' | 'PUT' | 'POST';
  /** With its query. */
  path: string;
  body?: Readable;
  signal?: AbortSignal;
}

/** As much of a Node as it takes to reach its agent. */
export type AgentPlace = Pick<Node, 'metadata'> & {
  status: Pick<Node['status'], 'addresses' | 'daemonEndpoints'>;
};

const maxErrorBytes = 64 * 1024;

/** Throws ApiError: what the agent says, or ServiceUnavailable when it cannot be reached. */
export async function requestNode(
  { ca, clientCertificate: cert, clientKey: key }: ClusterConfig,
  node: AgentPlace,
  { method, path, body, signal }: NodeRequest,
): Promise<IncomingMessage> {
  if (cert === undefined || key === undefined)
    throw new ApiError(
      'Forbidden',
      'node agents take administrators by their certificate; this context has none',
    );
  const url = new URL(path, agentAddress(node));
  const tls = { cert, key, ...(ca === undefined ? {} : { ca }), ...(signal ? { signal } : {}) };
  const request = httpsRequest(url, { method, ...tls });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
  });
  try {
    // An agent that refuses does not wait for the end of the body.
    if (body) pipeline(body, request).catch(() => {});
    else request.end();
    const answer = await answered;
    if (answer.statusCode === 200) return answer;
    throw await refusal(answer);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    const problem = error instanceof Error ? error.message : String(error);
    throw new ApiError('ServiceUnavailable', `node ${node.metadata.name} cannot be reached: ${problem}`);
  }
}

function agentAddress({ metadata, status }: AgentPlace): string {
  const address = status.addresses?.find(({ type }) => type === 'InternalIP')?.address;
  const port = status.daemonEndpoints?.kubeletEndpoint?.Port;
  if (address !== undefined && port !== undefined)
    return `https://${address.includes(':') ? `[${address}]` : address}:${port}`;
  throw new ApiError('ServiceUnavailable', `node ${metadata.name} has not told its address yet`);
}

async function refusal(answer: IncomingMessage): Promise<ApiError> {
  const { statusCode = 500 } = answer;
  const text = (await readBody(answer, maxErrorBytes)).toString();
  try {
    return ApiError.fromStatus(JSON.parse(text), statusCode);
  } catch {
    return ApiError.fromStatus(
      { message: text.slice(0, 500) || `the agent answered ${statusCode}` },
      statusCode,
    );
  }
}
