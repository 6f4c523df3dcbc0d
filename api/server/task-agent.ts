/** Where the agent of a task's node is, and which of the task's containers is meant: for logs and streams. */
import { names } from '../kinds/names.ts';
import type { Node } from '../kinds/node.ts';
import type { Task } from '../kinds/task.ts';
import { ApiError } from '../meta/api-error.ts';
import type { AnyObject } from '../meta/object-meta.ts';
import type { Call } from './call.ts';
import { notFound } from './object-lifecycle.ts';
import { readObject } from './verbs/get.ts';

/** The task a call is about; throws ApiError NotFound. */
export async function taskOf(call: Call): Promise<Task> {
  return asKind<Task>((await readObject(call)).parse());
}

/**
 * The address of the task on its node's agent. It comes from the Node's status, which only that node's
 * agent can write. `what`, for people: what a task without a node does not have.
 */
export function agentUrl({ backend }: Call, task: Task, { path, what }: { path: string; what: string }): URL {
  const { nodeName } = task.spec;
  if (nodeName === undefined)
    throw new ApiError(
      'BadRequest',
      `task ${JSON.stringify(task.metadata.name)} is not bound to a node yet: it has no ${what}`,
    );
  const node = backend.cache.kind(names.Node).get(nodeName);
  if (!node) throw notFound(names.Node, nodeName);
  const url = new URL(`${agentAddress(asKind<Node>(node.parse()))}${path}`);
  url.searchParams.set('uid', task.metadata.uid ?? '');
  return url;
}

/** `https://10.0.0.7:10250`. Throws ApiError ServiceUnavailable while the node has not told. */
export function agentAddress({ metadata, status }: Node): string {
  const address = status.addresses?.find(({ type }) => type === 'InternalIP')?.address;
  const port = status.daemonEndpoints?.kubeletEndpoint?.Port;
  if (address === undefined || port === undefined)
    throw new ApiError(
      'ServiceUnavailable',
      `node ${JSON.stringify(metadata.name)} has not told its address yet`,
    );
  return `https://${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** The container asked for, init containers included, or the only main one. Throws ApiError BadRequest. */
export function containerOf({ metadata, spec }: Task, wanted: string | null): string {
  const { initContainers = [], ephemeralContainers = [] } = spec;
  const all = [...spec.containers, ...initContainers, ...ephemeralContainers].map(({ name }) => name);
  if (wanted === null || wanted === '') {
    if (spec.containers.length === 1) return all[0]!;
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
