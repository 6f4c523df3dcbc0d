/** The flags of `get`, and what they mean for a table. */
import type { ViewOptions } from './table-view.ts';

export interface GetOptions {
  output?: string;
  watch?: boolean;
  watchOnly?: boolean;
  outputWatchEvents?: boolean;
  selector?: string;
  fieldSelector?: string;
  allNamespaces?: boolean;
  headers: boolean;
  showLabels?: boolean;
  showManagedFields?: boolean;
  labelColumns?: string;
  sortBy?: string;
  chunkSize: string;
  ignoreNotFound?: boolean;
}

export function viewOptions(options: GetOptions, nowMs: number, wide: boolean): ViewOptions {
  return {
    wide,
    nowMs,
    namespaceColumn: options.allNamespaces === true,
    showLabels: options.showLabels === true,
    labelColumns: options.labelColumns?.split(',').filter((key) => key !== '') ?? [],
  };
}
