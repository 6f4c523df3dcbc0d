/**
 * The schema of a custom kind in the dialect of the built-in kinds: closed objects (what is not named is
 * pruned), ObjectMeta around the kind's own fields, JSON Schema's reading of bounds and nulls.
 */
import type { CustomSchema } from './custom-schema.ts';
import { apiVersionOf, type KindNames } from './names.ts';
import { objectMetaShape } from './shapes.ts';

type Schema = Record<string, unknown>;

export function servedSchema(names: KindNames, root: CustomSchema): Schema {
  const { metadata, ...properties } = root.properties ?? {};
  const served = structure({ ...root, properties });
  return {
    ...served,
    required: [...new Set([...(root.required ?? []), 'metadata'])],
    properties: {
      ...typeMeta([apiVersionOf(names)], [names.kind]),
      metadata: metadataSchema(metadata),
      ...(served['properties'] as Schema),
    },
  };
}

function typeMeta(apiVersions?: string[], kinds?: string[]): Schema {
  return {
    apiVersion: {
      type: 'string',
      description: 'Group and version of the schema.',
      ...(apiVersions ? { enum: apiVersions } : {}),
    },
    kind: { type: 'string', description: 'What this object is.', ...(kinds ? { enum: kinds } : {}) },
  };
}

/** Custom kinds may say more about names, and nothing else of metadata. */
function metadataSchema(given: CustomSchema | undefined): Schema {
  const shape = objectMetaShape as unknown as { properties: Schema };
  if (!given?.properties) return shape;
  const named = Object.entries(given.properties).map(([name, rules]) => [
    name,
    { ...(shape.properties[name] as Schema), ...condition(rules) },
  ]);
  return { ...shape, properties: { ...shape.properties, ...Object.fromEntries(named) } };
}

/** A node of the outer schema: decides what is kept. */
function structure(schema: CustomSchema): Schema {
  const { properties, additionalProperties, items, ...rest } = schema;
  const node: Schema = { ...condition(rest), ...(items ? { items: structure(items) } : {}) };
  const open = schema['x-kubernetes-preserve-unknown-fields'] === true;
  const isObject = schema.type === 'object' || properties !== undefined;
  if (isObject) node['properties'] = mapped(properties ?? {}, structure);
  if (typeof additionalProperties === 'object') {
    delete node['properties'];
    node['additionalProperties'] = structure(additionalProperties);
  } else if (isObject && !open && additionalProperties !== true) node['additionalProperties'] = false;
  if (schema['x-kubernetes-embedded-resource'] === true) embed(node);
  if (schema['x-kubernetes-int-or-string'] === true) node['type'] = ['integer', 'string'];
  // Whatever it is, it is kept as it is.
  if (open && schema.type === undefined && !isObject) node['nullable'] = true;
  return node;
}

function mapped(properties: Record<string, CustomSchema>, change: (member: CustomSchema) => Schema): Schema {
  return Object.fromEntries(Object.entries(properties).map(([name, member]) => [name, change(member)]));
}

/** A whole object inside another. */
function embed(node: Schema): void {
  node['properties'] = {
    ...typeMeta(),
    metadata: objectMetaShape,
    ...(node['properties'] as Schema | undefined),
  };
  node['required'] = [
    ...new Set([...((node['required'] as string[] | undefined) ?? []), 'apiVersion', 'kind']),
  ];
}

/** What values must satisfy, in the words of JSON Schema. */
function condition(schema: CustomSchema): Schema {
  const {
    exclusiveMinimum,
    exclusiveMaximum,
    minimum,
    maximum,
    format,
    properties,
    items,
    nullable,
    ...rest
  } = schema;
  const { allOf, anyOf, oneOf, not, ...plain } = rest;
  const node: Schema = { ...plain };
  Object.assign(
    node,
    bound('minimum', minimum, exclusiveMinimum),
    bound('maximum', maximum, exclusiveMaximum),
  );
  // The format `quantity` means more to the server than to the author of a custom kind.
  if (format !== undefined && format !== 'quantity') node['format'] = format;
  if (nullable === true)
    Object.assign(node, { nullable }, schema.enum ? { enum: [...schema.enum, null] } : {});
  if (properties) node['properties'] = mapped(properties, condition);
  if (items) node['items'] = condition(items);
  for (const [keyword, branches = []] of Object.entries({ allOf, anyOf, oneOf })) {
    const kept = branches.filter((branch) => !namesTypes(branch));
    if (kept.length > 0) node[keyword] = kept.map(condition);
  }
  if (not) node['not'] = condition(not);
  return node;
}

/** `anyOf: [{type: integer}, {type: string}]` of an int-or-string, which says that itself. */
function namesTypes({ type, anyOf = [] }: CustomSchema): boolean {
  return type !== undefined || (anyOf.length > 0 && anyOf.every(namesTypes));
}

/** `minimum: 0, exclusiveMinimum: true` is OpenAPI's way of writing `exclusiveMinimum: 0`. */
function bound(word: 'minimum' | 'maximum', limit: unknown, exclusive: unknown): Schema {
  if (limit === undefined) return {};
  return exclusive === true
    ? { [word === 'minimum' ? 'exclusiveMinimum' : 'exclusiveMaximum']: limit }
    : { [word]: limit };
}
