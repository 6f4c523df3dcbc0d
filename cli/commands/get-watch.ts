/**
 * `gantry get -w`: what is there, then every change as one more row (or object). Goes on after the server
 * ends the stream; after a version too old to go on from, lists again and shows what differs.
 */
import { type ApiError, hasReason } from '../../api/meta/api-error.ts';
import { sleep } from '../../api/meta/clock.ts';
import type { CommandContext, Session } from '../command.ts';
import { exitCodes } from '../failure.ts';
import { type GetOptions, viewOptions } from '../get-options.ts';
import { type OutputFormat, printObjects } from '../output-format.ts';
import { TableWriter } from '../table.ts';
import { fetchTable, type Query, type RowEvent, type TableColumn, watchTable } from '../table-source.ts';
import { headerCells, rowCells } from '../table-view.ts';

interface WatchCall {
  query: Query;
  format: OutputFormat;
  options: GetOptions;
}

const retryMs = 1000;

/** Resolves when `context.signal` aborts; rejects when the first list fails, or anything fails for good. */
export async function watchObjects(
  context: CommandContext,
  session: Session,
  call: WatchCall,
): Promise<number> {
  const { signal, clock, io } = context;
  const turn: WatchTurn = {
    session,
    query: { ...call.query, wholeObjects: call.format.type !== 'table' },
    show: presenter(context, call),
    seen: new Map(),
    listed: false,
    complained: false,
    silentList: call.options.watchOnly === true,
  };
  while (!signal.aborted) {
    try {
      await listAndWatch(turn, signal);
    } catch (error) {
      if (signal.aborted) break;
      if (!turn.listed || !isTransient(error)) throw error;
      if (!turn.complained && error.reason !== 'Expired') io.err(`Warning: ${error.message}; trying again\n`);
      turn.complained = true;
    }
    await sleep(clock, retryMs, signal);
  }
  return exitCodes.ok;
}

interface WatchTurn {
  session: Session;
  query: Query;
  show: Show;
  /** Version last shown, by uid. */
  seen: Map<string, string>;
  /** Whether a list has succeeded. */
  listed: boolean;
  /** Whether this outage was told. */
  complained: boolean;
  /** --watch-only: the first list is not shown. */
  silentList: boolean;
}

async function listAndWatch(turn: WatchTurn, signal: AbortSignal): Promise<void> {
  const { session, query, show, seen } = turn;
  const table = await fetchTable(session, query);
  const news = table.rows
    .map((row): RowEvent => ({ type: 'ADDED', columns: table.columns, row }))
    .filter((event) => isNews(event, seen));
  if (turn.listed || !turn.silentList) await show(news);
  turn.listed = true;
  turn.complained = false;
  for await (const event of watchTable(session, query, { resourceVersion: table.resourceVersion, signal })) {
    if (isNews(event, seen)) await show([event]);
  }
}

function isTransient(error: unknown): error is ApiError {
  return hasReason(error, 'Expired', 'Gone', 'ServiceUnavailable', 'Timeout', 'InternalError');
}

/** Whether the row is not as it was last shown. */
function isNews({ type, row: { object } }: RowEvent, seen: Map<string, string>): boolean {
  const { uid = object.metadata.name, resourceVersion = '' } = object.metadata;
  if (type === 'DELETED') return seen.delete(uid);
  if (seen.get(uid) === resourceVersion) return false;
  seen.set(uid, resourceVersion);
  return true;
}

type Show = (events: readonly RowEvent[]) => Promise<void>;

function presenter(context: CommandContext, { query, format, options }: WatchCall): Show {
  if (format.type === 'table') return tablePresenter(context, options, format.wide);
  const { resource } = query;
  return async (events) => {
    for (const { row } of events) {
      if (format.type === 'yaml') context.io.out('---\n');
      await printObjects(context.io, [{ resource, object: row.object as never }], {
        format,
        single: true,
        noHeaders: true,
        showManagedFields: options.showManagedFields === true,
      });
    }
  };
}

function tablePresenter({ io, clock }: CommandContext, options: GetOptions, wide: boolean): Show {
  const writer = new TableWriter((text) => io.out(text));
  let columns: TableColumn[] | undefined;
  return async (events) => {
    const view = viewOptions(options, clock.now(), wide);
    const eventColumn = (word: string): string[] => (options.outputWatchEvents ? [word] : []);
    const rows = events.map((event) => [
      ...eventColumn(event.type),
      ...rowCells(columns ?? event.columns, event.row, { ...view, io }),
    ]);
    const withHeader = columns === undefined && options.headers && events[0];
    columns ??= events[0]?.columns;
    writer.rows(
      withHeader ? [[...eventColumn('EVENT'), ...headerCells(withHeader.columns, view)], ...rows] : rows,
    );
  };
}
