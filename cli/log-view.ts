/** Showing one container's log: waiting for its start, naming its task in front of each line. */
import { Task } from '../api/kinds/resources.ts';
import { ApiError } from '../api/meta/api-error.ts';
import type { CommandContext, Session } from './command.ts';
import { exitCodes, reportFailure } from './failure.ts';
import { type Colour, coloured, type Output, printableLog } from './output.ts';
import { hasStarted, type LogQuery, type LogSource, logLines } from './task-logs.ts';

export interface LogView {
  context: CommandContext;
  session: Session;
  query: LogQuery;
  printer: LinePrinter;
  /** One of many: that it has not started is nothing to tell. */
  oneOfMany: boolean;
}

/** Resolves with the exit code; failures are told here, so that one log's does not end the others. */
export async function showLog(view: LogView, source: LogSource): Promise<number> {
  const { context, session, query, printer, oneOfMany } = view;
  try {
    const waits = !hasStarted(source);
    if (waits && oneOfMany && !query.follow) return exitCodes.ok;
    const started = waits && query.follow ? await whenStarted(view, source) : source;
    for await (const line of logLines(session, started, query, context.signal)) printer.print(started, line);
    return exitCodes.ok;
  } catch (error) {
    return context.signal.aborted ? exitCodes.ok : reportFailure(error, context.io);
  }
}

/** Following a task that does not run yet: says so, and waits. */
async function whenStarted({ context, session, oneOfMany }: LogView, source: LogSource): Promise<LogSource> {
  const { metadata, status } = source.task;
  const why = status.pending?.message ?? status.message;
  if (!oneOfMany)
    context.io.err(`waiting for ${metadata.name} to start (${status.phase}${why ? `: ${why}` : ''})\n`);
  const { waitForObject } = await import('./object-wait.ts');
  const started = (task: Task | undefined): boolean => {
    if (task === undefined) throw new ApiError('NotFound', `task ${metadata.name} is gone`);
    return hasStarted({ ...source, task });
  };
  const options = { clock: context.clock, signal: context.signal, timeoutMs: Infinity };
  const waitingFor = `${metadata.name} to start`;
  const target = { resource: Task, key: metadata };
  const task = await waitForObject(session.client, target, started, { ...options, waitingFor });
  return task === undefined ? source : { ...source, task };
}

const prefixColours: readonly Colour[] = ['cyan', 'green', 'yellow', 'magenta', 'blue', 'red'];

/** Prints whole lines, each with the name of its source in front: lines of two sources never mix. */
export class LinePrinter {
  readonly #io: Output;
  readonly #withPrefix: boolean;
  readonly #prefixes = new Map<string, string>();

  constructor(io: Output, withPrefix: boolean) {
    this.#io = io;
    this.#withPrefix = withPrefix;
  }

  print({ task, container }: LogSource, line: string): void {
    const several = task.spec.containers.length > 1;
    const name = several ? `${task.metadata.name}/${container}` : task.metadata.name;
    const prefix = this.#withPrefix ? `${this.#prefixOf(name)} ` : '';
    this.#io.out(`${prefix}${printableLog(line, this.#io)}\n`);
  }

  #prefixOf(name: string): string {
    const known = this.#prefixes.get(name);
    if (known !== undefined) return known;
    const colour = prefixColours[this.#prefixes.size % prefixColours.length] ?? 'cyan';
    const prefix = coloured(`[${name}]`, colour, this.#io);
    this.#prefixes.set(name, prefix);
    return prefix;
  }
}
