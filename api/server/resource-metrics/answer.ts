/**
 * get and list of metrics.k8s.io/v1beta1: objects are selected like the nodes and tasks they are about, then
 * the agents concerned are asked. Who does not answer is left out: some numbers are better than none.
 */
import { names } from '../../kinds/names.ts';
import type { Node } from '../../kinds/node.ts';
import { metricsGroup, metricsKinds } from '../../kinds/resource-metrics.ts';
import type { Task } from '../../kinds/task.ts';
import { ApiError } from '../../meta/api-error.ts';
import type { AnyObject } from '../../meta/object-meta.ts';
import type { CachedObject } from '../cached-object.ts';
import type { Call } from '../call.ts';
import { mapConcurrently } from '../concurrency.ts';
import { notFound } from '../object-lifecycle.ts';
import { type ApiResponse, jsonResponse } from '../request.ts';
import { parseSelection, selects } from '../selection.ts';
import { nodeMetrics, taskMetrics } from './metrics-objects.ts';
import type { NodeSummary } from './node-summary.ts';

export type MetricsCall = Pick<Call, 'backend' | 'path' | 'verb' | 'query'>;

const nodesAtOnce = 32;

export function isMetricsPath({ group, version }: Call['path']): boolean {
  return group === metricsGroup && version === metricsKinds[0]?.version;
}

/** Throws ApiError NotFound or MethodNotAllowed. */
export async function answerMetrics(call: MetricsCall): Promise<ApiResponse> {
  const { path, verb } = call;
  const kind = metricsKinds.find(({ plural }) => plural === path.resource);
  if (!kind || path.subresource !== undefined || (!kind.namespaced && path.namespace !== undefined))
    throw new ApiError('NotFound', 'the server could not find the requested resource');
  if (verb !== 'get' && verb !== 'list')
    throw new ApiError('MethodNotAllowed', 'metrics can only be read: they are measured when asked for');
  const items =
    kind.plural === names.Node.plural ? await metricsOfNodes(call) : await metricsOfTasks(call, kind.kind);
  if (verb === 'list') {
    const metadata = { resourceVersion: String(call.backend.cache.revision) };
    return jsonResponse(200, {
      kind: `${kind.kind}List`,
      apiVersion: `${kind.group}/${kind.version}`,
      metadata,
      items,
    });
  }
  if (items[0]) return jsonResponse(200, items[0]);
  throw notFound(kind, path.name ?? '');
}

async function metricsOfNodes(call: MetricsCall): Promise<AnyObject[]> {
  const nodes = selected(call, names.Node).map((object) => object.parse() as unknown as Node);
  const summaries = await summariesOf(call, nodes);
  return nodes.flatMap(({ metadata }) => {
    const summary = summaries.get(metadata.name);
    return (summary && nodeMetrics(metadata, summary)) ?? [];
  });
}

async function metricsOfTasks(call: MetricsCall, kind: string): Promise<AnyObject[]> {
  const { cache } = call.backend;
  const tasks = selected(call, names.Task).map((object) => object.parse() as unknown as Task);
  const nodeNames = new Set(tasks.flatMap(({ spec }) => spec.nodeName ?? []));
  const nodes = [...nodeNames].flatMap((name) => cache.kind(names.Node).get(name) ?? []);
  const summaries = await summariesOf(
    call,
    nodes.map((node) => node.parse() as unknown as Node),
  );
  return tasks.flatMap(({ metadata, spec }) => {
    const summary = summaries.get(spec.nodeName ?? '');
    return (summary && taskMetrics(kind, metadata, summary)) ?? [];
  });
}

function selected(
  { backend, path, query }: MetricsCall,
  of: typeof names.Node | typeof names.Task,
): CachedObject[] {
  const objects = backend.cache.kind(of);
  if (path.name !== undefined) {
    const key = path.namespace === undefined ? path.name : `${path.namespace}/${path.name}`;
    const object = objects.get(key);
    return object ? [object] : [];
  }
  const served = backend.kinds.byPlural(of.group, of.version, of.plural);
  if (!served) return [];
  const selection = parseSelection(served.kind, path.namespace, query);
  return [...objects.list({ namespace: path.namespace, after: '' })].filter((object) =>
    selects(selection, object),
  );
}

async function summariesOf(
  { backend: { summaries } }: MetricsCall,
  nodes: readonly Node[],
): Promise<Map<string, NodeSummary>> {
  const found = new Map<string, NodeSummary>();
  if (!summaries) return found;
  await mapConcurrently(nodes, nodesAtOnce, async (node) => {
    const summary = await summaries.of(node);
    if (summary) found.set(node.metadata.name, summary);
  });
  return found;
}
