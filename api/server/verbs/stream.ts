/**
 * GET tasks/{name}/exec and tasks/{name}/portforward: opens the stream to the node's agent, so that what the
 * agent refuses is an HTTP answer to the client. The listener joins the two (streams/upgrade.ts).
 */
import { ApiError } from '../../meta/api-error.ts';
import { streamProtocols } from '../../meta/stream-channels.ts';
import { agreedProtocol, execQuery, execRequestOf, portOf } from '../../meta/stream-requests.ts';
import type { Call } from '../call.ts';
import type { ApiResponse } from '../request.ts';
import { agentUrl, containerOf, taskOf } from '../task-agent.ts';

export async function taskExec(call: Call): Promise<ApiResponse> {
  const request = execRequestOf(call.query);
  const task = await taskOf(call);
  const { namespace = '', name } = task.metadata;
  const container = containerOf(task, call.query.get('container'));
  const url = agentUrl(call, task, { path: `/exec/${namespace}/${name}/${container}`, what: 'containers' });
  for (const [key, value] of execQuery(request)) url.searchParams.append(key, value);
  return openStream(call, url);
}

export async function taskPortForward(call: Call): Promise<ApiResponse> {
  const port = portOf(call.query);
  const task = await taskOf(call);
  const { namespace = '', name } = task.metadata;
  const url = agentUrl(call, task, { path: `/portforward/${namespace}/${name}`, what: 'ports' });
  url.searchParams.set('ports', String(port));
  return openStream(call, url);
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
