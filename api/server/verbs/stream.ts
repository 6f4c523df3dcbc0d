/**
 * Streams to running tasks: opens the one to the node's agent first, so that what the agent refuses is an HTTP
 * answer to the client. The listener joins the two (streams/upgrade.ts).
 *
 *   GET|POST tasks/{name}/exec, attach, portforward
 *
 * Each has a second form, for a task that is known already: for kinds that are views of tasks.
 */
import type { WebSocket } from 'ws';
import type { Task } from '../../kinds/task.ts';
import { ApiError } from '../../meta/api-error.ts';
import {
  type AttachRequest,
  attachQuery,
  attachRequestOf,
  execQuery,
  execRequestOf,
  portOf,
} from '../../meta/stream-requests.ts';
import type { Call } from '../call.ts';
import type { ApiResponse } from '../request.ts';
import { type AgentSide, channelTransport, portTransport } from '../streams/transport.ts';
import { agentUrl, containerOf, taskOf } from '../task-agent.ts';

export async function taskExec(call: Call): Promise<ApiResponse> {
  return execIn(call, await taskOf(call));
}

export async function taskAttach(call: Call): Promise<ApiResponse> {
  return attachTo(call, await taskOf(call));
}

export async function taskPortForward(call: Call): Promise<ApiResponse> {
  return forwardTo(call, await taskOf(call));
}

export async function execIn(call: Call, task: Task): Promise<ApiResponse> {
  const request = execRequestOf(call.query);
  const url = containerUrl(call, task, { route: 'exec', query: execQuery(request) });
  return openChannels(call, url, request);
}

export async function attachTo(call: Call, task: Task): Promise<ApiResponse> {
  const request = attachRequestOf(call.query);
  const url = containerUrl(call, task, { route: 'attach', query: attachQuery(request) });
  return openChannels(call, url, request);
}

/** Over a WebSocket of messages the port is in the URL; over SPDY every connection names its own. */
export async function forwardTo(call: Call, task: Task): Promise<ApiResponse> {
  const { over, protocol, headers } = portTransport(call.request);
  const open = (port: number): Promise<WebSocket> => openAgent(call, portUrl(call, task, port), protocol);
  if (over === 'websocket') return joined(headers, { over, agent: await open(portOf(call.query)) });
  // What the agent could not be asked at all is told before the upgrade.
  portUrl(call, task, 1);
  return joined(headers, { over: over === 'spdy ports tunnel' ? over : 'spdy ports', open });
}

async function openChannels(call: Call, url: URL, request: AttachRequest): Promise<ApiResponse> {
  const { over, protocol, headers } = channelTransport(call.request);
  const agent = await openAgent(call, url, protocol);
  return joined(headers, over === 'spdy' ? { over, agent, request } : { over: 'websocket', agent });
}

function joined(headers: ApiResponse['headers'], stream: AgentSide): ApiResponse {
  return { status: 101, headers, body: Buffer.alloc(0), stream };
}

function containerUrl(
  call: Call,
  task: Task,
  { route, query }: { route: string; query: URLSearchParams },
): URL {
  const { namespace = '', name } = task.metadata;
  const container = containerOf(task, call.query.get('container'));
  const path = `/${route}/${namespace}/${name}/${container}`;
  const url = agentUrl(call, task, { path, what: 'containers' });
  for (const [key, value] of query) url.searchParams.append(key, value);
  return url;
}

function portUrl(call: Call, task: Task, port: number): URL {
  const { namespace = '', name } = task.metadata;
  const url = agentUrl(call, task, { path: `/portforward/${namespace}/${name}`, what: 'ports' });
  url.searchParams.set('ports', String(port));
  return url;
}

function openAgent({ backend, request }: Call, url: URL, protocol: string): Promise<WebSocket> {
  if (!backend.nodeClient)
    throw new ApiError('ServiceUnavailable', 'this API server has no way to reach node agents');
  return backend.nodeClient.openStream(url, { protocol, signal: request.signal });
}
