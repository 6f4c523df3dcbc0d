/** `gantry get`: objects as a table or in another form, once or, with -w, as they change. */
import { hasReason } from '../../api/meta/api-error.ts';
import type { CommandContext, CommandFunction, Session } from '../command.ts';
import { exitCodes, reportFailure, UsageError } from '../failure.ts';
import { type GetOptions, viewOptions } from '../get-options.ts';
import { fetchObjects } from '../object-source.ts';
import { type OutputFormat, parseOutputFormat, printObjects } from '../output-format.ts';
import { shownType } from '../resource-names.ts';
import { sortRows } from '../row-order.ts';
import { TableWriter } from '../table.ts';
import { fetchTable, type Query, type Table } from '../table-source.ts';
import { headerCells, rowCells } from '../table-view.ts';
import { parseTargets, type Target } from '../target.ts';

export const get: CommandFunction<GetOptions> = async (context, args, options) => {
  const format = parseOutputFormat(options.output);
  const session = await context.session();
  const targets = await parseTargets(args, session.discovery);
  checkSelectors(targets, options);
  if (options.watch || options.watchOnly) {
    const { watchObjects } = await import('./get-watch.ts');
    return watchObjects(context, session, { query: onlyQuery(targets, session, options), format, options });
  }
  return format.type === 'table'
    ? getTables({ context, session, targets, options, wide: format.wide })
    : getObjects({ context, session, targets, options, format });
};

interface GetCall {
  context: CommandContext;
  session: Session;
  targets: Target[];
  options: GetOptions;
}

function checkSelectors(
  targets: readonly Target[],
  { selector, fieldSelector, allNamespaces }: GetOptions,
): void {
  const named = targets.some(({ names }) => names.length > 0);
  if (named && (selector !== undefined || fieldSelector !== undefined))
    throw new UsageError('a name and a selector cannot be given together');
  if (named && allNamespaces)
    throw new UsageError('an object cannot be named across all namespaces: name its namespace (-n)');
}

/** One request per type, or per name. */
function queriesOf({ resource, names }: Target, session: Session, options: GetOptions): Query[] {
  const query: Query = {
    resource,
    pageSize: Number(options.chunkSize),
    ...(options.allNamespaces || !resource.namespaced ? {} : { namespace: session.namespace }),
    ...(options.selector === undefined ? {} : { labelSelector: options.selector }),
    ...(options.fieldSelector === undefined ? {} : { fieldSelector: options.fieldSelector }),
  };
  return names.length === 0 ? [query] : names.map((name) => ({ ...query, name }));
}

function onlyQuery(targets: readonly Target[], session: Session, options: GetOptions): Query {
  const queries = targets.flatMap((target) => queriesOf(target, session, options));
  if (queries.length !== 1) throw new UsageError('only one type, or one object, can be watched at a time');
  return queries[0]!;
}

async function getTables(call: GetCall & { wide: boolean }): Promise<number> {
  const { context, session, targets, options } = call;
  const failures: unknown[] = [];
  const tables: { target: Target; table: Table }[] = [];
  for (const target of targets) {
    const parts = await settled(queriesOf(target, session, tableOptions(options)), failures, (query) =>
      fetchTable(session, { ...query, wholeObjects: options.sortBy !== undefined }),
    );
    const [first] = parts;
    const rows = parts.flatMap((part) => part.rows);
    if (first && rows.length > 0) tables.push({ target, table: { ...first, rows } });
  }
  for (const [index, { target, table }] of tables.entries()) {
    if (index > 0) context.io.out('\n');
    printTable(call, table, targets.length > 1 ? `${shownType(target.resource)}/` : '');
  }
  if (tables.length === 0 && failures.length === 0) sayNothingFound(call);
  return reported(failures, call);
}

/** Sorting needs all objects at once. */
function tableOptions(options: GetOptions): GetOptions {
  return options.sortBy === undefined ? options : { ...options, chunkSize: '0' };
}

function printTable(
  { context: { io, clock }, options, wide }: GetCall & { wide: boolean },
  table: Table,
  namePrefix: string,
): void {
  const view = { ...viewOptions(options, clock.now(), wide), namePrefix };
  const rows = options.sortBy === undefined ? table.rows : sortRows(table.rows, options.sortBy);
  const cells = rows.map((row) => rowCells(table.columns, row, { ...view, io }));
  const writer = new TableWriter((text) => io.out(text));
  writer.rows(options.headers ? [headerCells(table.columns, view), ...cells] : cells);
}

async function getObjects(call: GetCall & { format: OutputFormat }): Promise<number> {
  const { context, session, targets, options, format } = call;
  const failures: unknown[] = [];
  const queries = targets.flatMap((target) => queriesOf(target, session, options));
  const lists = await settled(queries, failures, (query) => fetchObjects(session, query));
  const fetched = lists.flat();
  const single = queries.length === 1 && queries[0]?.name !== undefined;
  if (fetched.length > 0 || !single) {
    await printObjects(
      context.io,
      options.sortBy === undefined ? fetched : sortRows(fetched, options.sortBy),
      {
        format,
        single,
        noHeaders: !options.headers,
        showManagedFields: options.showManagedFields === true,
      },
    );
  }
  return reported(failures, call);
}

/** What came back, in order; what failed goes to `failures`. */
async function settled<In, Out>(
  items: readonly In[],
  failures: unknown[],
  act: (item: In) => Promise<Out>,
): Promise<Out[]> {
  const values: Out[] = [];
  for (const item of items) {
    try {
      values.push(await act(item));
    } catch (error) {
      failures.push(error);
    }
  }
  return values;
}

function reported(failures: readonly unknown[], { context, options }: GetCall): number {
  const told = options.ignoreNotFound ? failures.filter((error) => !hasReason(error, 'NotFound')) : failures;
  for (const failure of told) reportFailure(failure, context.io);
  return told.length === 0 ? exitCodes.ok : exitCodes.failed;
}

function sayNothingFound({ context, session, targets, options }: GetCall): void {
  if (options.ignoreNotFound) return;
  const namespaced = targets.some(({ resource }) => resource.namespaced);
  const where = namespaced && !options.allNamespaces ? ` in namespace ${session.namespace}` : '';
  context.io.err(`No resources found${where}.\n`);
}
