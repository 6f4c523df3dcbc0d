/** GET /metrics/resource: kubelet's resource metrics as Prometheus text; a pod is a task. Pure. */
import type { NodeUsage, TaskUsage } from './usage-sampler.ts';
import type { Measured } from './usage-window.ts';

type Labels = Record<string, string>;
interface Row {
  labels: Labels;
  measured: Measured;
}

export function resourceMetrics(node: NodeUsage | undefined, tasks: readonly TaskUsage[]): string {
  const pods = tasks.map((task) => ({ labels: podLabels(task), measured: task.measured }));
  const containers = tasks.flatMap((task) =>
    task.containers.map((each) => ({ labels: { container: each.name, ...podLabels(task) }, ...each })),
  );
  return [
    ...cpu('container', containers),
    ...memory('container', containers),
    ...metric(
      'container_start_time_seconds',
      'gauge',
      containers.map(({ labels, startedAtMs }) => [labels, startedAtMs / 1000]),
    ),
    ...cpu('node', node ? [{ labels: {}, measured: node.measured }] : []),
    ...memory('node', node ? [{ labels: {}, measured: node.measured }] : []),
    ...cpu('pod', pods),
    ...memory('pod', pods),
    ...metric('resource_scrape_error', 'gauge', [[{}, node ? 0 : 1]]),
    '',
  ].join('\n');
}

function podLabels({ record }: TaskUsage): Labels {
  const { namespace = '', name } = record.task.metadata;
  return { namespace, pod: name };
}

function cpu(of: string, rows: readonly Row[]): string[] {
  return metric(
    `${of}_cpu_usage_seconds_total`,
    'counter',
    rows.map(({ labels, measured }) => [labels, measured.usage.cpuNanos / 1e9]),
  );
}

function memory(of: string, rows: readonly Row[]): string[] {
  return metric(
    `${of}_memory_working_set_bytes`,
    'gauge',
    rows.map(({ labels, measured }) => [labels, measured.usage.workingSetBytes]),
  );
}

function metric(name: string, type: 'counter' | 'gauge', values: readonly [Labels, number][]): string[] {
  if (values.length === 0) return [];
  return [
    `# TYPE ${name} ${type}`,
    ...values.map(([labels, value]) => `${name}${labelText(labels)} ${value}`),
  ];
}

/** Names of Kubernetes' grammar need no escapes. */
function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return pairs.length > 0 ? `{${pairs.join(',')}}` : '';
}
