/**
 * `gantry get -w`: what is there, then every change as one more row (or object). Goes on after the server
 * ends the stream; after a version too old to go on from, lists again and shows what differs.
 */
import { hasReason } from '../../api/meta/api-error.ts';
import { sleep } from '../../api/meta/clock.ts';
import type { CommandContext, Session } from '../command.ts';
import { exitCodes } from '../failure.ts';
import { type GetOptions, viewOptions } from '../get-options.ts';
import { type OutputFormat, printObjects } from '../output-format.ts';
import { TableWriter } from '../table.ts';
import {
  fetchTable,
  type Query,
  type RowEvent,
  type Table,
  type TableColumn,
  watchTable,
} from '../table-source.ts';
import { headerCells, rowCells } from '../table-view.ts';

interface WatchCall {
  query: Query;
  format: OutputFormat;
  options: GetOptions;
}

const retryMs = 1000;

export async function watchObjects(
  context: CommandContext,
  session: Session,
  call: WatchCall,
): Promise<number> {
  const { signal, clock } = context;
  const query = { ...call.query, wholeObjects: call.format.type !== 'table' };
  const show = presenter(context, call);
  const seen = new Map<string, string>();
  let table = await fetchTable(session, query);
  await show(changes(table, seen, call.options.watchOnly === true));
  let { resourceVersion } = table;
  while (!signal.aborted) {
    try {
      for await (const event of watchTable(session, query, { resourceVersion, signal })) {
        resourceVersion = event.row.object.metadata.resourceVersion ?? resourceVersion;
        if (isNews(event, seen)) await show([event]);
      }
    } catch (error) {
      if (signal.aborted) break;
      if (!hasReason(error, 'Expired', 'Gone', 'ServiceUnavailable', 'Timeout', 'InternalError')) throw error;
    }
    await sleep(clock, retryMs, signal);
    if (signal.aborted) break;
    const relisted = await fetchTable(session, query).catch(() => undefined);
    if (!relisted) continue;
    table = relisted;
    ({ resourceVersion } = table);
    await show(changes(table, seen, false));
  }
  return exitCodes.ok;
}

/** The rows that are not as they were last shown. */
function changes({ columns, rows }: Table, seen: Map<string, string>, silent: boolean): RowEvent[] {
  const events = rows.map((row): RowEvent => ({ type: 'ADDED', columns, row }));
  const news = events.filter((event) => isNews(event, seen));
  return silent ? [] : news;
}

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
