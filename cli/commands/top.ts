/** `gantry top nodes` and `top tasks`: what is used now, against what there is or was asked for. */
import { Node, Task } from '../../api/kinds/resources.ts';
import type { Container } from '../../api/kinds/task-spec.ts';
import { ApiError } from '../../api/meta/api-error.ts';
import { type ResourceAmounts, resourceAmounts } from '../../api/meta/quantity.ts';
import type { CommandContext, CommandFunction, Session } from '../command.ts';
import { UsageError } from '../failure.ts';
import { formatTable } from '../table.ts';
import { checkName } from '../target.ts';

export interface TopOptions {
  selector?: string;
  sortBy?: string;
  headers?: boolean;
  allNamespaces?: boolean;
  containers?: boolean;
}

interface Metrics {
  metadata: { name: string; namespace?: string };
  usage?: Record<string, string>;
  containers?: { name: string; usage: Record<string, string> }[];
}

/** A row before it is printed: what it is sorted by beside what it says. */
interface Line {
  name: string;
  usage: ResourceAmounts;
  cells: string[];
}

const metricsPath = '/apis/metrics.k8s.io/v1beta1';

export const topNodes: CommandFunction<TopOptions> = async (context, args, options) => {
  const session = await context.session();
  const metrics = await readMetrics(session, `${metricsPath}/nodes`, { name: args[0], options });
  const nodes = new Map((await session.client.list(Node)).items.map((node) => [node.metadata.name, node]));
  const lines = metrics.map(({ metadata: { name }, usage: quantities }) => {
    const usage = resourceAmounts(quantities);
    const allocatable = resourceAmounts(nodes.get(name)?.status.allocatable);
    const cells = ['cpu', 'memory'].flatMap((resource) => [
      amountText(resource, usage),
      shareText(usage[resource], allocatable[resource]),
    ]);
    return { name, usage, cells: [name, ...cells] };
  });
  return print(context, ['NAME', 'CPU(cores)', 'CPU%', 'MEMORY(bytes)', 'MEMORY%'], lines, options);
};

export const topTasks: CommandFunction<TopOptions> = async (context, args, options) => {
  const session = await context.session();
  const namespace = options.allNamespaces ? undefined : session.namespace;
  const path = `${metricsPath}${namespace === undefined ? '' : `/namespaces/${namespace}`}/tasks`;
  const metrics = await readMetrics(session, path, { name: args[0], options });
  const { items } = await session.client.list(Task, namespace === undefined ? {} : { namespace });
  const tasks = new Map(items.map((task) => [keyOf(task), task]));
  const lines = metrics.flatMap((each) => taskLines(each, tasks.get(keyOf(each)), options));
  const header = [
    ...(options.allNamespaces ? ['NAMESPACE'] : []),
    ...['NAME', ...(options.containers ? ['CONTAINER'] : [])],
    ...['CPU(cores)', 'CPU/REQ', 'CPU/LIMIT', 'MEMORY(bytes)', 'MEMORY/REQ', 'MEMORY/LIMIT'],
  ];
  return print(context, header, lines, options);
};

/** One line for the task, or one for each of its containers. */
function taskLines(metrics: Metrics, task: Task | undefined, options: TopOptions): Line[] {
  const { name, namespace = '' } = metrics.metadata;
  const used = (metrics.containers ?? []).map((container) => ({
    name: container.name,
    usage: resourceAmounts(container.usage),
  }));
  const all: Container[] = [...(task?.spec.containers ?? []), ...(task?.spec.initContainers ?? [])];
  const running = all.filter((container) => used.some((each) => each.name === container.name));
  const lead = options.allNamespaces ? [namespace, name] : [name];
  if (!options.containers) {
    const usage = total(used.map((each) => each.usage));
    return [{ name, usage, cells: [...lead, ...shares(usage, running)] }];
  }
  return used.map(({ name: container, usage }) => {
    const own = running.filter((each) => each.name === container);
    return { name, usage, cells: [...lead, container, ...shares(usage, own)] };
  });
}

function shares(usage: ResourceAmounts, containers: readonly Container[]): string[] {
  const requests = total(containers.map(({ resources }) => resourceAmounts(resources.requests)));
  const limits = containers.map(({ resources }) => resourceAmounts(resources.limits));
  return ['cpu', 'memory'].flatMap((resource) => {
    // One container without a limit may use as much as there is.
    const limit = limits.every((each) => each[resource]) ? total(limits)[resource] : undefined;
    return [
      amountText(resource, usage),
      shareText(usage[resource], requests[resource]),
      shareText(usage[resource], limit),
    ];
  });
}

async function readMetrics(
  { client }: Session,
  path: string,
  { name, options }: { name: string | undefined; options: TopOptions },
): Promise<Metrics[]> {
  if (name !== undefined) {
    if (options.selector) throw new UsageError('give a name or a selector, not both');
    checkName(name);
    return [(await client.raw(`${path}/${name}`)) as Metrics];
  }
  const query = options.selector ? `?labelSelector=${encodeURIComponent(options.selector)}` : '';
  const { items } = (await client.raw(`${path}${query}`)) as { items: Metrics[] };
  if (items.length > 0) return items;
  throw new ApiError('NotFound', 'nothing was measured yet: numbers come with the first ten seconds');
}

function print(context: CommandContext, header: string[], lines: Line[], options: TopOptions): number {
  const by = options.sortBy;
  if (by !== undefined && by !== 'cpu' && by !== 'memory')
    throw new UsageError(`--sort-by: want cpu or memory, not ${JSON.stringify(by)}`);
  const sorted = by ? [...lines].sort((a, b) => (b.usage[by] ?? 0) - (a.usage[by] ?? 0)) : lines;
  const rows = sorted.map(({ cells }) => cells);
  context.io.out(formatTable(options.headers === false ? rows : [header, ...rows]));
  return 0;
}

function total(parts: readonly ResourceAmounts[]): ResourceAmounts {
  const sum: ResourceAmounts = {};
  for (const part of parts)
    for (const [name, amount] of Object.entries(part)) sum[name] = (sum[name] ?? 0) + amount;
  return sum;
}

/** kubectl's forms: `12m`, `34Mi`. */
function amountText(resource: string, usage: ResourceAmounts): string {
  const amount = usage[resource] ?? 0;
  return resource === 'cpu' ? `${amount}m` : `${Math.ceil(amount / 1024 ** 2)}Mi`;
}

function shareText(used = 0, of: number | undefined): string {
  return of ? `${Math.round((100 * used) / of)}%` : '-';
}

function keyOf({ metadata: { namespace = '', name } }: Pick<Metrics, 'metadata'>): string {
  return `${namespace}/${name}`;
}
