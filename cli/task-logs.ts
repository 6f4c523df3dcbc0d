/** The log of one container of one task, as a stream of lines. */
import type { Task } from '../api/kinds/resources.ts';
import { Task as TaskResource } from '../api/kinds/resources.ts';
import { ApiError } from '../api/meta/api-error.ts';
import { objectPath, withQuery } from '../client/resource-path.ts';
import type { Session } from './command.ts';
import { lines } from './lines.ts';

export interface LogQuery {
  follow: boolean;
  previous: boolean;
  timestamps: boolean;
  tailLines?: number;
  sinceSeconds?: number;
  /** RFC 3339. */
  sinceTime?: string;
  limitBytes?: number;
}

/** A container whose log can be asked for. */
export interface LogSource {
  task: Task;
  container: string;
}

export function logLines(
  { client }: Session,
  { task, container }: LogSource,
  query: LogQuery,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const { follow, previous, timestamps, ...amount } = query;
  const path = withQuery(objectPath(TaskResource, task.metadata, 'log'), {
    container,
    follow: follow || undefined,
    followRestarts: follow || undefined,
    previous: previous || undefined,
    timestamps: timestamps || undefined,
    ...amount,
  });
  return lines(client.stream(path, signal));
}

/** The containers meant by `-c` or `--all-containers`; by default the first one. Throws for a name that is not there. */
export function logSources(
  task: Task,
  { container, all }: { container?: string; all: boolean },
): LogSource[] {
  const { containers, initContainers = [] } = task.spec;
  const mains = containers.map(({ name }) => name);
  const names = [...initContainers.map(({ name }) => name), ...mains];
  if (container !== undefined && !names.includes(container)) {
    throw new ApiError(
      'NotFound',
      `task ${task.metadata.name} has no container "${container}"; it has ${names.join(', ')}`,
    );
  }
  const wanted = container === undefined ? (all ? names : mains.slice(0, 1)) : [container];
  return wanted.map((name) => ({ task, container: name }));
}

/** Whether the container has run at all, so that there is a log. */
export function hasStarted({ task, container }: LogSource): boolean {
  const { containerStatuses = [], initContainerStatuses = [] } = task.status;
  const status = [...containerStatuses, ...initContainerStatuses].find(({ name }) => name === container);
  if (!status) return false;
  return (
    Boolean(status.state.running ?? status.state.terminated ?? status.lastState?.terminated) ||
    status.restartCount > 0
  );
}
