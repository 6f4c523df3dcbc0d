/**
 * Tables: what `kubectl get` prints. The server computes the cells, so that every client shows a kind in
 * the same way. Also PartialObjectMetadata, the form for clients that only want metadata.
 */
import type { Column } from '../kinds/define-kind.ts';
import type { AnyObject, ListMeta } from '../meta/object-meta.ts';
import type { ServedKind } from './kind-table.ts';
import type { IncludeObject } from './negotiate.ts';

export interface TableOptions {
  includeObject: IncludeObject;
  version?: 'v1' | 'v1beta1';
  /** The server's time, for ages. */
  nowMs: number;
  listMeta?: ListMeta;
  /** False from the second event of a watch on: the client knows the columns by then. */
  withColumns?: boolean;
}

type Cell = string | number | boolean | null;

export function tableOf({ kind }: ServedKind, objects: readonly AnyObject[], options: TableOptions): object {
  const { version = 'v1', listMeta, withColumns = true } = options;
  const only = objects.length === 1 ? objects[0] : undefined;
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${version}`,
    metadata: listMeta ?? { resourceVersion: only?.metadata.resourceVersion ?? '' },
    columnDefinitions: withColumns ? kind.columns.map(columnDefinition) : null,
    rows: objects.map((object) => ({
      cells: kind.columns.map((column) => cellOf(column, object, options.nowMs)),
      ...rowObject(object, options),
    })),
  };
}

function columnDefinition({ name, type, format, description, priority }: Column<AnyObject>): object {
  return {
    name,
    type: type === 'date' ? 'string' : type,
    format: format ?? '',
    description,
    priority: priority ?? 0,
  };
}

function cellOf(column: Column<AnyObject>, object: AnyObject, nowMs: number): Cell {
  const cell = column.cell(object, nowMs) ?? null;
  if (column.type !== 'date') return cell;
  return typeof cell === 'string' ? age(nowMs - Date.parse(cell)) : '<unknown>';
}

function rowObject(object: AnyObject, { includeObject, version = 'v1' }: TableOptions): object {
  if (includeObject === 'None') return {};
  return { object: includeObject === 'Object' ? object : partialMetadata(object, version) };
}

export function partialMetadata(object: AnyObject, version: 'v1' | 'v1beta1' = 'v1'): object {
  return {
    kind: 'PartialObjectMetadata',
    apiVersion: `meta.k8s.io/${version}`,
    metadata: object.metadata,
  };
}

export function partialMetadataList(
  objects: readonly AnyObject[],
  listMeta: ListMeta,
  version: 'v1' | 'v1beta1' = 'v1',
): object {
  return {
    kind: 'PartialObjectMetadataList',
    apiVersion: `meta.k8s.io/${version}`,
    metadata: listMeta,
    items: objects.map((object) => partialMetadata(object, version)),
  };
}

/** A duration as kubectl writes it, two units at most while they tell something: 45s, 5m30s, 3h, 2d4h, 1y20d. */
export function age(durationMs: number): string {
  const seconds = Math.floor(durationMs / 1000);
  if (!Number.isFinite(seconds)) return '<invalid>';
  // A clock a little behind the one that wrote the time is no error.
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (days < 8) return pair(days, 'd', hours % 24, 'h');
  if (days < 730) return `${days}d`;
  const years = Math.floor(days / 365);
  return years < 8 ? pair(years, 'y', days % 365, 'd') : `${years}y`;
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit}${small}${smallUnit}`;
}
