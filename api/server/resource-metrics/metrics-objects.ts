/** Summaries of agents as objects of metrics.k8s.io. Pure. */
import { apiVersionOf } from '../../kinds/names.ts';
import { nodeMetricsKind } from '../../kinds/resource-metrics.ts';
import type { AnyObject, ObjectMeta } from '../../meta/object-meta.ts';
import { formatBytes, formatQuantity } from '../../meta/quantity.ts';
import type { NodeSummary, Usage } from './node-summary.ts';

const apiVersion = apiVersionOf(nodeMetricsKind);

/** Undefined while nothing was measured. */
export function nodeMetrics(of: ObjectMeta, { node }: NodeSummary): AnyObject | undefined {
  const usage = usageOf(node);
  return usage && { kind: 'NodeMetrics', apiVersion, metadata: metadataOf(of), ...timeOf(node), usage };
}

/** `kind`: PodMetrics or TaskMetrics. Undefined while nothing was measured. */
export function taskMetrics(kind: string, of: ObjectMeta, { pods }: NodeSummary): AnyObject | undefined {
  const task = pods.find(({ podRef }) => podRef.uid === of.uid);
  if (!task) return undefined;
  const containers = task.containers.flatMap(({ name, ...measured }) => {
    const usage = usageOf(measured);
    return usage ? [{ name, usage }] : [];
  });
  if (containers.length === 0) return undefined;
  return { kind, apiVersion, metadata: metadataOf(of), ...timeOf(task), containers };
}

function usageOf({ cpu, memory }: Partial<Usage>): Record<string, string> | undefined {
  if (cpu?.usageNanoCores === undefined || !memory) return undefined;
  return {
    cpu: formatQuantity({ nano: BigInt(cpu.usageNanoCores), family: 'decimal' }),
    memory: formatBytes(memory.workingSetBytes),
  };
}

function timeOf({ cpu }: Partial<Usage>): { timestamp: string; window: string } {
  return { timestamp: cpu?.time ?? '', window: `${((cpu?.windowMs ?? 0) / 1000).toFixed(3)}s` };
}

function metadataOf({ name, namespace, labels, creationTimestamp }: ObjectMeta): ObjectMeta {
  return JSON.parse(JSON.stringify({ name, namespace, labels, creationTimestamp }));
}
