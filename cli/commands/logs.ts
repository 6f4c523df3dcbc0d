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
import { exitCodes, reportFailure, UsageError } from '../failure.ts';
import { type Colour, coloured, printable } from '../output.ts';
import { checkName } from '../target.ts';
import { byName, taskArrivals } from '../task-arrivals.ts';
import { hasStarted, type LogQuery, type LogSource, logLines, logSources } from '../task-logs.ts';

export interface LogsOptions {
  follow?: boolean;
  previous?: boolean;
  timestamps?: boolean;
  tail?: string;
  since?: string;
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

function logQuery({ follow, previous, timestamps, tail, since }: LogsOptions): LogQuery {
  if (tail !== undefined && !/^-?\d+$/.test(tail)) throw new UsageError('--tail: want a number of lines');
  return {
    follow: follow === true,
    previous: previous === true,
    timestamps: timestamps === true,
    ...(tail === undefined || tail.startsWith('-') ? {} : { tailLines: Number(tail) }),
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
  const printer = new PrefixPrinter(call, call.options.prefix ?? sources.length > 1);
  const codes = await Promise.all(sources.map((source) => showSource(call, source, printer)));
  return Math.max(...codes);
}

/** Tasks in the order of their index and attempt. */
async function showTasks(call: LogCall, scope: TaskSet): Promise<number> {
  const { session, options } = call;
  const printer = new PrefixPrinter(call, options.prefix ?? true);
  if (call.query.follow) return followTasks(call, scope, printer);
  const { labelSelector } = scope;
  const { items } = await session.client.list(Task, { namespace: session.namespace, labelSelector });
  if (items.length === 0) throw new ApiError('NotFound', 'there are no tasks to show logs of');
  let code: number = exitCodes.ok;
  for (const task of items.sort(byName)) code = Math.max(code, await showAll(call, task, printer));
  return code;
}

/** New tasks join in. Ends when the job is over and everything of it was shown. */
async function followTasks(call: LogCall, scope: TaskSet, printer: PrefixPrinter): Promise<number> {
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

async function showAll(call: LogCall, task: Task, printer: PrefixPrinter): Promise<number> {
  const { container, allContainers = true } = call.options;
  const sources = logSources(task, { all: allContainers, ...(container === undefined ? {} : { container }) });
  const codes = await Promise.all(sources.map((source) => showSource(call, source, printer)));
  return Math.max(...codes);
}

async function showSource(call: LogCall, source: LogSource, printer: PrefixPrinter): Promise<number> {
  const { context, session, query } = call;
  try {
    const started = query.follow && !hasStarted(source) ? await whenStarted(call, source) : source;
    for await (const line of logLines(session, started, query, context.signal)) printer.print(started, line);
    return exitCodes.ok;
  } catch (error) {
    if (context.signal.aborted) return exitCodes.ok;
    return reportFailure(error, context.io);
  }
}

/** Following a task that does not run yet: says so, and waits. */
async function whenStarted({ context, session }: LogCall, source: LogSource): Promise<LogSource> {
  const { metadata, status } = source.task;
  const why = status.pending?.message ?? status.message;
  context.io.err(`waiting for ${metadata.name} to start (${status.phase}${why ? `: ${why}` : ''})\n`);
  const { waitForObject } = await import('../object-wait.ts');
  const started = (task: Task | undefined): boolean => {
    if (task === undefined) throw new ApiError('NotFound', `task ${metadata.name} is gone`);
    return hasStarted({ ...source, task });
  };
  const options = { clock: context.clock, signal: context.signal, timeoutMs: Infinity };
  const waitingFor = `${metadata.name} to start`;
  const task = await waitForObject(session.client, { resource: Task, key: metadata }, started, {
    ...options,
    waitingFor,
  });
  return task === undefined ? source : { ...source, task };
}

const prefixColours: readonly Colour[] = ['cyan', 'green', 'yellow', 'magenta', 'blue', 'red'];

/** Prints whole lines, each with the name of its source in front: lines of two sources never mix. */
class PrefixPrinter {
  readonly #call: LogCall;
  readonly #withPrefix: boolean;
  readonly #prefixes = new Map<string, string>();

  constructor(call: LogCall, withPrefix: boolean) {
    this.#call = call;
    this.#withPrefix = withPrefix;
  }

  print({ task, container }: LogSource, line: string): void {
    const { io } = this.#call.context;
    const several = task.spec.containers.length > 1;
    const name = several ? `${task.metadata.name}/${container}` : task.metadata.name;
    const prefix = this.#withPrefix ? `${this.#prefixOf(name)} ` : '';
    io.out(`${prefix}${printable(line, io)}\n`);
  }

  #prefixOf(name: string): string {
    const known = this.#prefixes.get(name);
    if (known !== undefined) return known;
    const colour = prefixColours[this.#prefixes.size % prefixColours.length] ?? 'cyan';
    const prefix = coloured(`[${name}]`, colour, this.#call.context.io);
    this.#prefixes.set(name, prefix);
    return prefix;
  }
}
