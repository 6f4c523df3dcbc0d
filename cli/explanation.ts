/** The text of `explain`: kind, field, description and the fields below, in kubectl's layout. */
import type { ApiResource } from './discovery.ts';
import type { OpenApiSchema, SchemaField, SchemaReader } from './openapi-schema.ts';

const width = 80;
/** A schema that holds itself would go on for ever. */
const maxDepth = 20;

export interface Explained {
  resource: ApiResource;
  /** The path below the kind; empty for the kind itself. */
  fields: readonly string[];
  schema: OpenApiSchema;
  recursive: boolean;
}

export function explainField(
  reader: SchemaReader,
  { resource, fields, schema, recursive }: Explained,
): string {
  const { group, version, kind } = resource;
  const head = [
    ...(group === '' ? [] : [`GROUP:      ${group}`]),
    `KIND:       ${kind}`,
    `VERSION:    ${version}`,
    '',
  ];
  const field = fields.at(-1);
  const name = field === undefined ? [] : [`FIELD: ${field} <${reader.typeName(schema)}>`, ''];
  const facts = factLines(reader.resolved(schema)).map((line) => `    ${line}`);
  const description = ['DESCRIPTION:', ...wrapped(reader.description(schema) || '<empty>', 4), ...facts, ''];
  const below = reader.fields(schema);
  const list = recursive ? fieldTree(reader, below, 1) : below.flatMap((each) => fieldLines(reader, each));
  const fieldText = below.length === 0 ? [] : ['FIELDS:', ...list, ''];
  return [...head, ...name, ...description, ...fieldText].map((line) => `${line}\n`).join('');
}

function signature(reader: SchemaReader, { name, schema, required }: SchemaField): string {
  return `${name}\t<${reader.typeName(schema)}>${required ? ' -required-' : ''}`;
}

function fieldLines(reader: SchemaReader, field: SchemaField): string[] {
  const facts = factLines(reader.resolved(field.schema)).map((line) => `    ${line}`);
  return [`  ${signature(reader, field)}`, ...facts, ...wrapped(reader.description(field.schema), 4), ''];
}

function factLines({ enum: words, default: value }: OpenApiSchema): string[] {
  const hasDefault = value !== undefined && (typeof value !== 'object' || value === null);
  return [
    ...(words ? [`enum: ${words.join(', ')}`] : []),
    ...(hasDefault ? [`default: ${JSON.stringify(value)}`] : []),
  ];
}

function fieldTree(reader: SchemaReader, fields: readonly SchemaField[], depth: number): string[] {
  if (depth > maxDepth) return [];
  return fields.flatMap((field) => [
    `${'  '.repeat(depth)}${signature(reader, field)}`,
    ...fieldTree(reader, reader.fields(field.schema), depth + 1),
  ]);
}

function wrapped(text: string, indent: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/).filter((part) => part !== '')) {
    if (line !== '' && indent + line.length + 1 + word.length > width) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return (line === '' ? lines : [...lines, line]).map((each) => ' '.repeat(indent) + each);
}
