/** `-o`: which form a command's objects are printed in, and the printing of all forms but the table. */
import type { AnyObject, KubeObject } from '../api/meta/object-meta.ts';
import { sorted } from './canonical-json.ts';
import { UsageError } from './failure.ts';
import type { Fetched } from './object-source.ts';
import { type Output, printable } from './output.ts';
import { fullName } from './resource-names.ts';

export type OutputFormat =
  | { type: 'table'; wide: boolean }
  | { type: 'yaml' | 'json' | 'name' }
  | { type: 'jsonpath' | 'custom-columns'; template: string };

/** Throws UsageError naming the forms there are. */
export function parseOutputFormat(text: string | undefined): OutputFormat {
  if (text === undefined || text === '') return { type: 'table', wide: false };
  if (text === 'wide') return { type: 'table', wide: true };
  if (text === 'yaml' || text === 'json' || text === 'name') return { type: text };
  const [, type, template] = /^(jsonpath|custom-columns)=(.*)$/s.exec(text) ?? [];
  if (type === 'jsonpath' || type === 'custom-columns') return { type, template: template ?? '' };
  throw new UsageError(
    `unknown output ${JSON.stringify(text)}: want wide, yaml, json, name, jsonpath=TEMPLATE or custom-columns=HEADER:PATH,…`,
  );
}

export interface ObjectPrinting {
  format: OutputFormat;
  /** Exactly one object was asked for by name: it is printed bare, not in a list. */
  single: boolean;
  noHeaders?: boolean;
  showManagedFields?: boolean;
}

/** Every form but the table. */
export async function printObjects(
  io: Output,
  fetched: readonly Fetched[],
  { format, single, noHeaders = false, showManagedFields = false }: ObjectPrinting,
): Promise<void> {
  const objects = fetched.map(({ object }) => (showManagedFields ? object : withoutManagedFields(object)));
  const value = single ? objects[0] : listOf(objects);
  switch (format.type) {
    case 'name':
      for (const { resource, object } of fetched) io.out(`${fullName(resource, object.metadata.name)}\n`);
      return;
    case 'json':
      io.out(`${JSON.stringify(sorted(value), null, 4)}\n`);
      return;
    case 'yaml': {
      const { toYaml } = await import('./yaml-text.ts');
      io.out(printable(toYaml(value), io));
      return;
    }
    case 'jsonpath': {
      const { renderTemplate } = await import('./jsonpath.ts');
      io.out(printable(renderTemplate(format.template, value), io));
      return;
    }
    case 'custom-columns':
      io.out(printable(await customTable(format.template, objects, noHeaders), io));
      return;
    case 'table':
      return;
  }
}

function listOf(items: AnyObject[]): unknown {
  return { apiVersion: 'v1', items, kind: 'List', metadata: { resourceVersion: '' } };
}

function withoutManagedFields<T extends KubeObject>(object: T): T {
  const { managedFields: _managedFields, ...metadata } = object.metadata;
  return { ...object, metadata };
}

async function customTable(spec: string, objects: readonly unknown[], noHeaders: boolean): Promise<string> {
  const { customCells, parseCustomColumns } = await import('./custom-columns.ts');
  const { formatTable } = await import('./table.ts');
  const columns = parseCustomColumns(spec);
  const rows = objects.map((object) => customCells(columns, object));
  return formatTable(noHeaders ? rows : [columns.map((column) => column.header), ...rows]);
}
