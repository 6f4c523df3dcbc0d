/**
 * Streams to running tasks: opens the one to the node's agent first, so that what the agent refuses is an HTTP
 * answer to the client. The listener joins the two (streams/upgrade.ts).
 *
 *   GET|POST tasks/{name}/exec, attach, portforward
 *
 * Each has a second form, for a task that is known already: for kinds that are views of tasks.
 */
import type { Task } from '../../kinds/task.ts';
import { ApiError } from '../../meta/api-error.ts';
import { streamProtocols } from '../../meta/stream-channels.ts';
import {
  agreedProtocol,
  attachQuery,
  attachRequestOf,
  execQuery,
  execRequestOf,
  portOf,
} from '../../meta/stream-requests.ts';
import type { Call } from '../call.ts';
import type { ApiResponse } from '../request.ts';
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
  return openStream(call, containerUrl(call, task, { route: 'exec', query: execQuery(request) }));
}

export async function attachTo(call: Call, task: Task): Promise<ApiResponse> {
  const request = attachRequestOf(call.query);
  return openStream(call, containerUrl(call, task, { route: 'attach', query: attachQuery(request) }));
}

export async function forwardTo(call: Call, task: Task): Promise<ApiResponse> {
  const port = portOf(call.query);
  const { namespace = '', name } = task.metadata;
  const url = agentUrl(call, task, { path: `/portforward/${namespace}/${name}`, what: 'ports' });
  url.searchParams.set('ports', String(port));
  return openStream(call, url);
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

async function openStream({ backend, request }: Call, url: URL): Promise<ApiResponse> {
  if (!request.mayUpgrade || request.headers['upgrade']?.toLowerCase() !== 'websocket')
    throw new ApiError('BadRequest', 'this is a stream both ways: ask for it with an upgrade to websocket');
  const protocol = agreedProtocol(request.headers['sec-websocket-protocol'], streamProtocols);
  if (!backend.nodeClient)
    throw new ApiError('ServiceUnavailable', 'this API server has no way to reach node agents');
  const stream = await backend.nodeClient.openStream(url, { protocol, signal: request.signal });
  return { status: 101, headers: { 'sec-websocket-protocol': protocol }, body: Buffer.alloc(0), stream };
}
