/**
 * `gantry logs`: what a task's containers wrote; of a job, what all its tasks wrote, ended attempts
 * included. With -f the log is followed, and tasks a job makes later join in.
 */

import { jobNameLabel } from '../../api/kinds/job-labels.ts';
import { isFinished } from '../../api/kinds/job-state.ts';
import { Job, Task } from '../../api/kinds/resources.ts';
import { ApiError, hasReason } from '../../api/meta/api-error.ts';
import { parseDuration } from '../age.ts';
import type { CommandContext, CommandFunction, Session } from '../command.ts';
import { exitCodes, UsageError } from '../failure.ts';
import { LinePrinter, showLog } from '../log-view.ts';
import { checkName } from '../target.ts';
import { byName, taskArrivals } from '../task-arrivals.ts';
import { type LogQuery, logSources } from '../task-logs.ts';

export interface LogsOptions {
  follow?: boolean;
  previous?: boolean;
  timestamps?: boolean;
  tail?: string;
  since?: string;
  sinceTime?: string;
  limitBytes?: string;
  container?: string;
  allContainers?: boolean;
  selector?: string;
  /** undefined: when there is more than one source. */
  prefix?: boolean;
}

/** Every task a label selector finds; of one job, if its name is known. */
interface TaskSet {
  labelSelector: string;
  job?: string;
}

type LogScope = { task: string } | TaskSet;

interface LogCall {
  context: CommandContext;
  session: Session;
  query: LogQuery;
  options: LogsOptions;
}

export const logs: CommandFunction<LogsOptions> = async (context, args, options) => {
  const session = await context.session();
  const call: LogCall = { context, session, query: logQuery(options), options };
  const scope = await scopeOf(args, session, options);
  if ('task' in scope) {
    const task = await session.client.get(Task, { namespace: session.namespace, name: scope.task });
    return showTask(call, task);
  }
  return showTasks(call, scope);
};

function logQuery(options: LogsOptions): LogQuery {
  const { follow, previous, timestamps, tail, since, sinceTime, limitBytes } = options;
  if (tail !== undefined && !/^-?\d+$/.test(tail)) throw new UsageError('--tail: want a number of lines');
  if (since !== undefined && sinceTime !== undefined)
    throw new UsageError('only one of --since and --since-time may be given');
  if (sinceTime !== undefined && Number.isNaN(Date.parse(sinceTime)))
    throw new UsageError('--since-time: want an RFC 3339 time such as 2030-01-31T12:00:00Z');
  if (limitBytes !== undefined && !/^[1-9]\d{0,14}$/.test(limitBytes))
    throw new UsageError('--limit-bytes: want a number of bytes');
  return {
    follow: follow === true,
    previous: previous === true,
    timestamps: timestamps === true,
    ...(tail === undefined || tail.startsWith('-') ? {} : { tailLines: Number(tail) }),
    ...(sinceTime === undefined ? {} : { sinceTime: new Date(sinceTime).toISOString() }),
    ...(limitBytes === undefined ? {} : { limitBytes: Number(limitBytes) }),
    ...(since === undefined
      ? {}
      : { sinceSeconds: Math.max(1, Math.ceil(parseDuration(since, '--since') / 1000)) }),
  };
}

/** `web-0-0`, `task/web-0-0`, `job/web`, `job web`, or `web`: a task, or else a job. */
async function scopeOf(args: readonly string[], session: Session, options: LogsOptions): Promise<LogScope> {
  if (options.selector !== undefined) return { labelSelector: options.selector };
  const words = args.length === 1 ? (args[0] ?? '').split('/') : args;
  const [first = '', second] = words;
  if (first === '' || words.length > 2) throw new UsageError('say whose: a task, job/NAME or -l SELECTOR');
  checkName(second ?? first);
  if (second === undefined) return guessScope(first, session);
  const { kind } = await session.discovery.one(first);
  if (kind === Task.kind) return { task: second };
  if (kind === Job.kind) return jobScope(second, session);
  throw new UsageError(`${kind} has no logs: name a task or a job`);
}

async function guessScope(name: string, session: Session): Promise<LogScope> {
  const key = { namespace: session.namespace, name };
  try {
    await session.client.get(Task, key);
    return { task: name };
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
  return jobScope(name, session).catch((error: unknown) => {
    throw hasReason(error, 'NotFound')
      ? new ApiError('NotFound', `there is no task and no job "${name}" in namespace ${session.namespace}`)
      : error;
  });
}

async function jobScope(name: string, { client, namespace }: Session): Promise<LogScope> {
  await client.get(Job, { namespace, name });
  return { labelSelector: `${jobNameLabel}=${name}`, job: name };
}

async function showTask(call: LogCall, task: Task): Promise<number> {
  const { container, allContainers = false } = call.options;
  const sources = logSources(task, { all: allContainers, ...(container === undefined ? {} : { container }) });
  if (container === undefined && !allContainers && task.spec.containers.length > 1)
    call.context.io.err(`Showing container ${sources[0]?.container}; others: -c NAME or --all-containers\n`);
  const printer = new LinePrinter(call.context.io, call.options.prefix ?? sources.length > 1);
  const codes = await Promise.all(
    sources.map((source) => showLog({ ...call, printer, oneOfMany: false }, source)),
  );
  return Math.max(...codes);
}

/** Tasks in the order of their index and attempt. */
async function showTasks(call: LogCall, scope: TaskSet): Promise<number> {
  const { session, options } = call;
  const printer = new LinePrinter(call.context.io, options.prefix ?? true);
  if (call.query.follow) return followTasks(call, scope, printer);
  const { labelSelector } = scope;
  const { items } = await session.client.list(Task, { namespace: session.namespace, labelSelector });
  if (items.length === 0) throw new ApiError('NotFound', 'there are no tasks to show logs of');
  let code: number = exitCodes.ok;
  for (const task of items.sort(byName)) code = Math.max(code, await showAll(call, task, printer));
  return code;
}

/** New tasks join in. Ends when the job is over and everything of it was shown. */
async function followTasks(call: LogCall, scope: TaskSet, printer: LinePrinter): Promise<number> {
  const { session, context } = call;
  const over = new AbortController();
  const signal = AbortSignal.any([context.signal, over.signal]);
  let open = 0;
  let finished = false;
  const closeWhenOver = (): void => {
    if (finished && open === 0) over.abort();
  };
  const show = async (task: Task): Promise<number> => {
    open++;
    const code = await showAll(call, task, printer);
    open--;
    closeWhenOver();
    return code;
  };
  if (scope.job !== undefined) {
    const ended = whenJobEnds(call, scope.job, signal).then(() => {
      finished = true;
      closeWhenOver();
    });
    // Its failure (no server) is the task list's failure too, and told there.
    ended.catch(() => {});
  }
  const shown: Promise<number>[] = [];
  const { labelSelector } = scope;
  const { clock } = context;
  for await (const task of taskArrivals(
    session.client,
    { namespace: session.namespace, labelSelector },
    { clock, signal },
  ))
    shown.push(show(task));
  return Math.max(exitCodes.ok, ...(await Promise.all(shown)));
}

async function whenJobEnds({ context, session }: LogCall, name: string, signal: AbortSignal): Promise<void> {
  const { waitForObject } = await import('../object-wait.ts');
  const key = { namespace: session.namespace, name };
  const ended = (job: Job | undefined): boolean => job === undefined || isFinished(job);
  const options = { clock: context.clock, signal, timeoutMs: Infinity, waitingFor: `job ${name} to end` };
  await waitForObject(session.client, { resource: Job, key }, ended, options);
}

async function showAll(call: LogCall, task: Task, printer: LinePrinter): Promise<number> {
  const { container, allContainers = true } = call.options;
  const sources = logSources(task, { all: allContainers, ...(container === undefined ? {} : { container }) });
  const codes = await Promise.all(
    sources.map((source) => showLog({ ...call, printer, oneOfMany: true }, source)),
  );
  return Math.max(...codes);
}
