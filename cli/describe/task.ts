/** A task as an outline: where it is, what its containers do, and, when it waits, why. */
import type { ContainerState, ContainerStatus, Pending, Task } from '../../api/kinds/task.ts';
import type { Container } from '../../api/kinds/task-spec.ts';
import { conditionEntries } from './conditions.ts';
import { metadataEntries } from './generic.ts';
import { type Entry, line, moment, optionalSection, section } from './outline.ts';

export function describeTask(task: Task, nowMs: number): Entry[] {
  const { spec, status } = task;
  return [
    ...metadataEntries(task, nowMs),
    ...line('Job', spec.job),
    ...line('Index', spec.index),
    ...line('Attempt', spec.attempt),
    ...line('Priority', priorityText(task)),
    ...line('Node', spec.nodeName ?? '<none>'),
    ...line('Address', status.hostIP),
    ...line('Started', moment(status.startTime, nowMs)),
    ...line('Ended', moment(status.finishTime, nowMs)),
    ...line('Phase', status.phase),
    ...line('Reason', status.reason),
    ...line('Message', status.message),
    ...pendingEntries(status.pending, nowMs),
    ...section('Containers', containerEntries(task, nowMs)),
    ...conditionEntries(status.conditions, nowMs),
    ...placementEntries(spec),
  ];
}

function priorityText({ spec: { priority, priorityClassName } }: Task): string | undefined {
  if (priority === undefined) return priorityClassName;
  return priorityClassName ? `${priority} (${priorityClassName})` : String(priority);
}

/** The answer to "why is it not running?", in the order a person asks. */
function pendingEntries(pending: Pending | undefined, nowMs: number): Entry[] {
  if (!pending) return [];
  const { reason, message, since, nodes, closest } = pending;
  const short = Object.entries(closest?.short ?? {}).map(
    ([resource, amount]) => `${amount} ${resource} short`,
  );
  return section('Pending', [
    ...line('Why', message),
    ...line('Reason', reason),
    ...line('Since', moment(since, nowMs)),
    ...(nodes
      ? section(
          `Nodes (${nodes.total})`,
          nodes.rejected.map(({ filter, reason: said, count }) => ({
            key: `${count} by ${filter}`,
            value: said,
          })),
        )
      : []),
    ...(closest ? line('Closest node', `${closest.node}: ${short.join(', ') || 'nothing short'}`) : []),
  ]);
}

function containerEntries({ spec, status }: Task, nowMs: number): Entry[] {
  return spec.containers.map((container) => ({
    key: container.name,
    entries: containerLines(
      container,
      status.containerStatuses?.find(({ name }) => name === container.name),
      nowMs,
    ),
  }));
}

function containerLines(container: Container, status: ContainerStatus | undefined, nowMs: number): Entry[] {
  const { image, command, args, workingDir, ports = [], resources, env = [] } = container;
  return [
    ...line('Image', image ?? '<host>'),
    ...line('Command', command?.map(shellWord).join(' ')),
    ...line('Args', args?.map(shellWord).join(' ')),
    ...line('Working dir', workingDir),
    ...(ports.length === 0
      ? []
      : line(
          'Ports',
          ports
            .map(
              ({ name, containerPort, protocol }) =>
                `${containerPort}/${protocol}${name ? ` (${name})` : ''}`,
            )
            .join(', '),
        )),
    ...stateEntries('State', status?.state, nowMs),
    ...stateEntries('Last state', status?.lastState, nowMs),
    ...line('Ready', status?.ready ?? false),
    ...line('Restarts', status?.restartCount ?? 0),
    ...line('Process id', status?.pid),
    ...line('Requests', amounts(resources.requests)),
    ...line('Limits', amounts(resources.limits)),
    ...(env.length === 0
      ? []
      : [{ key: 'Environment', value: env.map(({ name, value }) => `${name}=${value}`) }]),
  ];
}

function stateEntries(key: string, state: ContainerState | undefined, nowMs: number): Entry[] {
  if (state?.running)
    return line(key, `Running since ${moment(state.running.startedAt, nowMs) ?? 'an unknown time'}`);
  if (state?.waiting) return line(key, worded('Waiting', state.waiting));
  if (!state?.terminated) return key === 'State' ? line(key, 'Waiting') : [];
  const { exitCode, signal, startedAt, finishedAt } = state.terminated;
  return [
    ...line(key, worded('Terminated', state.terminated)),
    ...optionalSection(`${key}, details`, [
      ...line('Exit code', signal ? `${exitCode} (signal ${signal})` : exitCode),
      ...line('Started', moment(startedAt, nowMs)),
      ...line('Finished', moment(finishedAt, nowMs)),
    ]),
  ];
}

function worded(state: string, { reason, message }: { reason?: string; message?: string }): string {
  return `${state}${reason ? ` (${reason})` : ''}${message ? `: ${message}` : ''}`;
}

function placementEntries({ nodeSelector = {}, tolerations = [] }: Task['spec']): Entry[] {
  const selectors = Object.entries(nodeSelector).map(([key, value]) => `${key}=${value}`);
  const tolerated = tolerations.map(
    ({ key = '*', operator, value, effect }) =>
      `${key}${operator === 'Exists' ? '' : `=${value ?? ''}`}${effect ? `:${effect}` : ''}`,
  );
  return [
    ...(selectors.length === 0 ? [] : [{ key: 'Node selector', value: selectors }]),
    ...(tolerated.length === 0 ? [] : [{ key: 'Tolerations', value: tolerated }]),
  ];
}

export function amounts(list: Readonly<Record<string, string>> = {}): string | undefined {
  const texts = Object.entries(list).map(([resource, quantity]) => `${resource} ${quantity}`);
  return texts.length === 0 ? undefined : texts.join(', ');
}

/** A word as a shell would need it: only what is not plain is quoted. */
function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
