/** GET tasks/{name}/log: the API server fetches the text from the node's agent and passes it on as it comes. */

import type { Task } from '../../kinds/task.ts';
import { ApiError } from '../../meta/api-error.ts';
import type { Call } from '../call.ts';
import { type ApiResponse, bytesResponse } from '../request.ts';
import { agentUrl, containerOf, taskOf } from '../task-agent.ts';

const passedOn = [
  'follow',
  'followRestarts',
  'tailLines',
  'sinceSeconds',
  'sinceTime',
  'timestamps',
  'previous',
  'limitBytes',
];

export async function taskLog(call: Call): Promise<ApiResponse> {
  return logOf(call, await taskOf(call));
}

/** For a task that is known already. */
export async function logOf(call: Call, task: Task): Promise<ApiResponse> {
  const { backend, request } = call;
  const url = logUrl(call, task);
  if (!backend.nodeClient)
    throw new ApiError('ServiceUnavailable', 'this API server has no way to reach node agents');
  const text = await backend.nodeClient.stream(url, request.signal);
  return bytesResponse(200, text, { 'content-type': 'text/plain; charset=utf-8' });
}

function logUrl(call: Call, task: Task): URL {
  const { query } = call;
  const { namespace = '', name } = task.metadata;
  const container = containerOf(task, query.get('container'));
  const url = agentUrl(call, task, { path: `/logs/${namespace}/${name}/${container}`, what: 'logs' });
  for (const parameter of passedOn) {
    const value = query.get(parameter);
    if (value !== null) url.searchParams.set(parameter, value);
  }
  return url;
}
