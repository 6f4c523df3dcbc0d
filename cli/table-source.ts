/** Objects as the server's tables: lists in pages, single objects, and watches. */
import { ApiError, type Status } from '../api/meta/api-error.ts';
import type { KubeObject } from '../api/meta/object-meta.ts';
import { collectionPath, objectPath, withQuery } from '../client/resource-path.ts';
import type { Session } from './command.ts';
import type { ApiResource } from './discovery.ts';
import { lines } from './lines.ts';

export interface TableColumn {
  name: string;
  type: string;
  format?: string;
  /** 0 is always shown, more only with `-o wide`. */
  priority?: number;
}

export interface TableRow {
  cells: unknown[];
  object: KubeObject;
}

export interface Table {
  columns: TableColumn[];
  rows: TableRow[];
  resourceVersion: string;
}

/** Which objects of a resource. */
export interface Query {
  resource: ApiResource;
  /** Absent: all namespaces. */
  namespace?: string;
  name?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** Rows carry the whole object instead of its metadata. */
  wholeObjects?: boolean;
  pageSize?: number;
}

interface WireTable {
  kind?: string;
  metadata?: { resourceVersion?: string; continue?: string };
  columnDefinitions?: TableColumn[];
  rows?: TableRow[];
}

const tableAccept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

export async function fetchTable({ client }: Session, query: Query): Promise<Table> {
  const table: Table = { columns: [], rows: [], resourceVersion: '' };
  let from: string | undefined;
  do {
    const page = (await client.raw(pagePath(query, from), { accept: tableAccept })) as WireTable;
    if (page.kind !== 'Table') throw new ApiError('NotAcceptable', 'the server did not answer with a table');
    if (table.columns.length === 0) table.columns = page.columnDefinitions ?? [];
    // Not push(...rows): thousands of arguments overflow the stack.
    table.rows = table.rows.concat(page.rows ?? []);
    table.resourceVersion = page.metadata?.resourceVersion ?? table.resourceVersion;
    from = page.metadata?.continue || undefined;
  } while (from !== undefined);
  return table;
}

function pagePath(query: Query, from: string | undefined): string {
  const { resource, name, namespace, wholeObjects = false, pageSize = 500 } = query;
  const includeObject = wholeObjects ? 'Object' : undefined;
  if (name !== undefined)
    return withQuery(objectPath(resource, { ...scopeOf(query), name }), { includeObject });
  return withQuery(collectionPath(resource, namespace), {
    ...selectorsOf(query),
    includeObject,
    limit: pageSize > 0 ? pageSize : undefined,
    continue: from,
  });
}

function scopeOf({ namespace }: Query): { namespace?: string } {
  return namespace === undefined ? {} : { namespace };
}

function selectorsOf({ labelSelector, fieldSelector }: Query): Record<string, string | undefined> {
  return { labelSelector, fieldSelector };
}

/** A change of one object, as a row. */
export interface RowEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  columns: TableColumn[];
  row: TableRow;
}

/** Changes after `resourceVersion`; ends when the server ends it. Throws ApiError Expired when the version is gone. */
export async function* watchTable(
  { client }: Session,
  query: Query,
  { resourceVersion, signal }: { resourceVersion: string; signal: AbortSignal },
): AsyncGenerator<RowEvent> {
  const fieldSelector = query.name === undefined ? query.fieldSelector : `metadata.name=${query.name}`;
  const path = withQuery(collectionPath(query.resource, query.namespace), {
    ...selectorsOf(query),
    fieldSelector,
    includeObject: query.wholeObjects ? 'Object' : undefined,
    watch: true,
    resourceVersion,
  });
  let columns: TableColumn[] = [];
  for await (const line of lines(client.stream(path, signal, tableAccept))) {
    const event = JSON.parse(line) as { type: RowEvent['type'] | 'BOOKMARK' | 'ERROR'; object: WireTable };
    if (event.type === 'ERROR') throw ApiError.fromStatus(event.object as Partial<Status>, 500);
    if (event.type === 'BOOKMARK') continue;
    if (event.object.columnDefinitions?.length) columns = event.object.columnDefinitions;
    for (const row of event.object.rows ?? []) yield { type: event.type, columns, row };
  }
}
