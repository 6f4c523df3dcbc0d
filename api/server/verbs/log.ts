/** GET tasks/{name}/log: the API server fetches the text from the node's agent and passes it on as it comes. */

import { names } from '../../kinds/names.ts';
import type { Node } from '../../kinds/node.ts';
import type { Task } from '../../kinds/task.ts';
import { ApiError } from '../../meta/api-error.ts';
import type { AnyObject } from '../../meta/object-meta.ts';
import type { Call } from '../call.ts';
import { notFound } from '../object-lifecycle.ts';
import { type ApiResponse, bytesResponse } from '../request.ts';
import { readObject } from './get.ts';

const passedOn = ['follow', 'tailLines', 'sinceSeconds', 'sinceTime', 'timestamps', 'previous', 'limitBytes'];

export async function taskLog(call: Call): Promise<ApiResponse> {
  const { backend, request } = call;
  const task = asKind<Task>((await readObject(call)).parse());
  const node = nodeOf(call, task);
  const url = logUrl(call, task, node);
  if (!backend.nodeClient)
    throw new ApiError('ServiceUnavailable', 'this API server has no way to reach node agents');
  const text = await backend.nodeClient.stream(url, request.signal);
  return bytesResponse(200, text, { 'content-type': 'text/plain; charset=utf-8' });
}

function nodeOf({ backend }: Call, task: Task): Node {
  const { nodeName } = task.spec;
  if (nodeName === undefined)
    throw new ApiError(
      'BadRequest',
      `task ${JSON.stringify(task.metadata.name)} is not bound to a node yet: it has no logs`,
    );
  const node = backend.cache.kind(names.Node).get(nodeName);
  if (!node) throw notFound(names.Node, nodeName);
  return asKind<Node>(node.parse());
}

/** The address is the one in the Node's status, which only that node's agent can write. */
function logUrl({ query }: Call, task: Task, node: Node): URL {
  const address = node.status.addresses?.find(({ type }) => type === 'InternalIP')?.address;
  const port = node.status.daemonEndpoints?.kubeletEndpoint?.Port;
  if (address === undefined || port === undefined)
    throw new ApiError(
      'ServiceUnavailable',
      `node ${JSON.stringify(node.metadata.name)} has not told its address yet`,
    );
  const { namespace = '', name, uid = '' } = task.metadata;
  const container = containerOf(task, query.get('container'));
  const host = address.includes(':') ? `[${address}]` : address;
  const url = new URL(`https://${host}:${port}/logs/${namespace}/${name}/${container}`);
  url.searchParams.set('uid', uid);
  for (const parameter of passedOn) {
    const value = query.get(parameter);
    if (value !== null) url.searchParams.set(parameter, value);
  }
  return url;
}

function containerOf({ metadata, spec }: Task, wanted: string | null): string {
  const all = spec.containers.map(({ name }) => name);
  if (wanted === null || wanted === '') {
    if (all.length === 1) return all[0]!;
    throw new ApiError(
      'BadRequest',
      `a container name must be specified for task ${metadata.name}, choose one of: [${all.join(' ')}]`,
    );
  }
  if (all.includes(wanted)) return wanted;
  throw new ApiError(
    'BadRequest',
    `container ${wanted} is not valid for task ${metadata.name}, choose one of: [${all.join(' ')}]`,
  );
}

/** Safe because the schema of the kind let the object in. */
function asKind<T>(object: AnyObject): T {
  return object as unknown as T;
}
