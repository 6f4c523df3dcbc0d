/**
 * The schema language of custom kinds: OpenAPI v3 as `apiextensions.k8s.io/v1` takes it, with the rules
 * that make it structural. Structural: every field that values are kept, pruned or defaulted by stands in
 * the outer structure; `allOf`, `anyOf`, `oneOf` and `not` only add conditions about fields that stand there.
 */
import { RE2JS } from '@bufbuild/re2';
import type { Cause } from '../meta/api-error.ts';
import { didYouMean } from '../meta/field-path.ts';

export interface CustomSchema {
  type?: string;
  format?: string;
  description?: string;
  nullable?: boolean;
  default?: unknown;
  enum?: unknown[];
  properties?: Record<string, CustomSchema>;
  additionalProperties?: boolean | CustomSchema;
  items?: CustomSchema;
  required?: string[];
  allOf?: CustomSchema[];
  anyOf?: CustomSchema[];
  oneOf?: CustomSchema[];
  not?: CustomSchema;
  pattern?: string;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-embedded-resource'?: boolean;
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-map-type'?: string;
  'x-kubernetes-validations'?: ValidationRule[];
  [keyword: string]: unknown;
}

export interface ValidationRule {
  rule: string;
  message?: string;
  messageExpression?: string;
  reason?: string;
  fieldPath?: string;
  optionalOldSelf?: boolean;
}

const types = ['object', 'array', 'string', 'integer', 'number', 'boolean'];
const combinators = ['allOf', 'anyOf', 'oneOf'] as const;
/** What a condition may say: nothing about which fields exist, what they default to, or what they mean. */
const conditionKeywords = new Set([
  'format',
  'enum',
  'properties',
  'items',
  'required',
  ...combinators,
  'not',
  ...['pattern', 'minLength', 'maxLength', 'minItems', 'maxItems', 'uniqueItems'],
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  ...['minProperties', 'maxProperties'],
]);
const structureKeywords = new Set([
  ...conditionKeywords,
  ...[
    'type',
    'title',
    'description',
    'nullable',
    'default',
    'example',
    'externalDocs',
    'additionalProperties',
  ],
  ...['preserve-unknown-fields', 'int-or-string', 'embedded-resource', 'validations'].map(
    (x) => `x-kubernetes-${x}`,
  ),
  ...['list-type', 'list-map-keys', 'map-type'].map((x) => `x-kubernetes-${x}`),
]);
type Test = readonly [expected: string, holds: (value: unknown) => boolean];
const text: Test = ['text', (value) => typeof value === 'string'];
const flag: Test = ['true or false', (value) => typeof value === 'boolean'];
const number: Test = ['a number', (value) => typeof value === 'number'];
const size: Test = [
  'a whole number of 0 or more',
  (value) => Number.isSafeInteger(value) && Number(value) >= 0,
];
const listOf = (what: string, [, holds]: Test): Test => [
  `a list${what}`,
  (value) => Array.isArray(value) && value.every(holds),
];
const anything: Test = ['anything', () => true];
const texts = listOf(' of text', text);
/** What a keyword's value must be; schemas, which are looked at one by one, and free values are not here. */
const keywordValues: ReadonlyMap<string, Test> = new Map(
  Object.entries({
    ...each(['type', 'title', 'description', 'format', 'pattern'], text),
    ...each(['x-kubernetes-list-type', 'x-kubernetes-map-type'], text),
    ...each(['nullable', 'uniqueItems', 'exclusiveMinimum', 'exclusiveMaximum'], flag),
    ...each(
      ['preserve-unknown-fields', 'int-or-string', 'embedded-resource'].map((x) => `x-kubernetes-${x}`),
      flag,
    ),
    ...each(['minimum', 'maximum'], number),
    multipleOf: [
      'a number above 0',
      (value: unknown) => typeof value === 'number' && value > 0,
    ] satisfies Test,
    ...each(['minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties'], size),
    ...each(['required', 'x-kubernetes-list-map-keys'], texts),
    ...each(['enum', ...combinators, 'x-kubernetes-validations'], listOf('', anything)),
    properties: ['an object', isObject] satisfies Test,
  }),
);

function each(keywords: readonly string[], test: Test): Record<string, Test> {
  return Object.fromEntries(keywords.map((keyword) => [keyword, test]));
}

const maxDepth = 64;
const maxCauses = 50;

/** What keeps a root schema from being served; `path` is where it stands in the definition. */
export function schemaCauses(schema: unknown, path: string): Cause[] {
  const causes: Cause[] = [];
  const report: Report = (field, message, reason = 'FieldValueInvalid') => {
    if (causes.length < maxCauses) causes.push({ field, message, reason });
  };
  if (!isObject(schema)) report(path, 'schemas are required', 'FieldValueRequired');
  else {
    if (schema['type'] !== 'object') report(`${path}.type`, 'must be object at the root');
    checkRootMetadata(schema, path, report);
    checkStructure(schema as CustomSchema, { path, depth: 0, report });
  }
  return causes;
}

type Report = (field: string, message: string, reason?: Cause['reason']) => void;

interface Place {
  path: string;
  depth: number;
  report: Report;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function checkRootMetadata(schema: Record<string, unknown>, path: string, report: Report): void {
  const { metadata } = (schema['properties'] ?? {}) as Record<string, unknown>;
  if (!isObject(metadata)) return;
  if (metadata['type'] !== 'object') report(`${path}.properties[metadata].type`, 'must be object');
  for (const name of Object.keys((metadata['properties'] ?? {}) as object)) {
    if (name !== 'name' && name !== 'generateName')
      report(
        `${path}.properties[metadata].properties[${name}]`,
        'only name and generateName of metadata can be restricted',
        'FieldValueForbidden',
      );
  }
}

function checkStructure(schema: CustomSchema, place: Place): void {
  const { path, report } = place;
  if (!checkKeywords(schema, structureKeywords, place)) return;
  const intOrString = schema['x-kubernetes-int-or-string'] === true;
  if (schema.type === undefined) {
    if (!intOrString && schema['x-kubernetes-preserve-unknown-fields'] !== true)
      report(`${path}.type`, 'must not be empty for specified object fields', 'FieldValueRequired');
  } else if (!types.includes(schema.type)) {
    report(
      `${path}.type`,
      `Unsupported value: ${JSON.stringify(schema.type)}: supported values: ${types.join(', ')}`,
      'FieldValueNotSupported',
    );
  } else if (intOrString)
    report(`${path}.type`, 'must be empty if x-kubernetes-int-or-string is true', 'FieldValueForbidden');
  checkShape(schema, place);
  checkExtensions(schema, place);
  checkChildren(schema, place, checkStructure);
  for (const [condition, at] of conditionsOf(schema, path)) {
    if (!(intOrString && isIntOrStringPair(schema, condition)))
      checkCondition(condition, schema, { ...place, path: at });
  }
}

/** False when the node is not worth a further look. */
function checkKeywords(schema: unknown, known: ReadonlySet<string>, { path, depth, report }: Place): boolean {
  if (!isObject(schema)) report(path, 'must be an object');
  else if (depth > maxDepth) report(path, `may not be nested deeper than ${maxDepth}`);
  else {
    const keywords = Object.entries(schema);
    for (const [keyword] of keywords) {
      if (!known.has(keyword))
        report(`${path}.${keyword}`, unknownKeyword(keyword, known), 'FieldValueForbidden');
    }
    const broken = keywords.filter(([keyword, value]) => keywordValues.get(keyword)?.[1](value) === false);
    for (const [keyword] of broken)
      report(`${path}.${keyword}`, `must be ${keywordValues.get(keyword)?.[0]}`);
    return broken.length === 0;
  }
  return false;
}

function unknownKeyword(keyword: string, known: ReadonlySet<string>): string {
  if (structureKeywords.has(keyword))
    return 'must be left out of allOf, anyOf, oneOf and not to be structural';
  const meant = didYouMean(keyword, known);
  return `unknown or unsupported keyword${meant === undefined ? '' : ` (did you mean ${JSON.stringify(meant)}?)`}`;
}

function checkShape(schema: CustomSchema, { path, report }: Place): void {
  const { type, properties, additionalProperties, items, pattern } = schema;
  if (type === 'array' && items === undefined)
    report(`${path}.items`, 'must be specified for an array', 'FieldValueRequired');
  if (additionalProperties === false)
    report(`${path}.additionalProperties`, 'cannot be set to false', 'FieldValueForbidden');
  if (properties !== undefined && additionalProperties !== undefined)
    report(`${path}.additionalProperties`, 'is mutually exclusive with properties', 'FieldValueForbidden');
  if (schema['uniqueItems'] === true)
    report(
      `${path}.uniqueItems`,
      'cannot be set to true since the runtime complexity becomes quadratic',
      'FieldValueForbidden',
    );
  if (schema.default !== undefined && !fits(schema.default, schema))
    report(`${path}.default`, `must be of type ${type}`);
  const broken = pattern === undefined ? undefined : patternError(pattern);
  if (broken !== undefined) report(`${path}.pattern`, broken);
}

function fits(value: unknown, { type, nullable }: CustomSchema): boolean {
  if (value === null) return nullable === true || type === undefined;
  if (type === 'array') return Array.isArray(value);
  if (type === 'object') return isObject(value);
  if (type === 'integer') return Number.isInteger(value);
  return type === undefined || typeof value === type;
}

function patternError(pattern: string): string | undefined {
  try {
    new RE2JS(pattern);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : 'is no regular expression';
  }
}

function checkExtensions(schema: CustomSchema, place: Place): void {
  const { path, report } = place;
  if (schema['x-kubernetes-preserve-unknown-fields'] === false)
    report(`${path}.x-kubernetes-preserve-unknown-fields`, 'must be true or undefined');
  checkEmbeddedResource(schema, place);
  checkListType(schema, place);
  const mapType = schema['x-kubernetes-map-type'];
  if (mapType !== undefined && (schema.type !== 'object' || !['granular', 'atomic'].includes(mapType)))
    report(`${path}.x-kubernetes-map-type`, 'must be granular or atomic, on an object');
}

function checkEmbeddedResource(schema: CustomSchema, { path, report }: Place): void {
  if (schema['x-kubernetes-embedded-resource'] !== true) return;
  if (schema.type !== 'object')
    report(`${path}.type`, 'must be object if x-kubernetes-embedded-resource is true');
  if (schema.properties === undefined && schema['x-kubernetes-preserve-unknown-fields'] !== true)
    report(
      `${path}.properties`,
      'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
      'FieldValueRequired',
    );
}

function checkListType(schema: CustomSchema, place: Place): void {
  const { path, report } = place;
  const listType = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'];
  if (listType !== undefined && (schema.type !== 'array' || !['atomic', 'set', 'map'].includes(listType)))
    report(`${path}.x-kubernetes-list-type`, 'must be atomic, set or map, on an array');
  if ((listType === 'map') !== (Array.isArray(keys) && keys.length > 0))
    report(
      `${path}.x-kubernetes-list-map-keys`,
      'is required with, and only with, x-kubernetes-list-type map',
      'FieldValueRequired',
    );
  if (listType === 'map' && Array.isArray(keys)) for (const key of keys) checkMapKey(key, schema, place);
}

function checkMapKey(key: string, { items }: CustomSchema, { path, report }: Place): void {
  const member = items?.properties?.[key];
  if (!member)
    report(`${path}.x-kubernetes-list-map-keys`, `${JSON.stringify(key)} is no property of the items`);
  else if (!items?.required?.includes(key) && member.default === undefined)
    report(
      `${path}.items.properties[${key}].default`,
      'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
      'FieldValueRequired',
    );
}

type Check = (schema: CustomSchema, place: Place) => void;

function checkChildren(
  { properties, items, additionalProperties }: CustomSchema,
  place: Place,
  check: Check,
): void {
  const { path } = place;
  const depth = place.depth + 1;
  if (isObject(properties)) {
    for (const [name, member] of Object.entries(properties))
      check(member as CustomSchema, { ...place, path: `${path}.properties[${name}]`, depth });
  }
  if (items !== undefined) check(items, { ...place, path: `${path}.items`, depth });
  if (additionalProperties !== undefined && typeof additionalProperties !== 'boolean')
    check(additionalProperties, { ...place, path: `${path}.additionalProperties`, depth });
}

function conditionsOf(schema: CustomSchema, path: string): [CustomSchema, string][] {
  const lists = combinators.flatMap((keyword) => {
    const branches = schema[keyword];
    return Array.isArray(branches)
      ? branches.map((branch, index): [CustomSchema, string] => [branch, `${path}.${keyword}[${index}]`])
      : [];
  });
  return schema.not === undefined ? lists : [...lists, [schema.not, `${path}.not`]];
}

/** The one place where a condition may name types: `anyOf: [{type: integer}, {type: string}]`. */
function isIntOrStringPair({ anyOf = [], allOf = [] }: CustomSchema, condition: CustomSchema): boolean {
  const pair = (branches: CustomSchema[]): boolean =>
    branches.length === 2 && branches[0]?.type === 'integer' && branches[1]?.type === 'string';
  return (
    (pair(anyOf) && anyOf.includes(condition)) || (allOf.includes(condition) && pair(condition.anyOf ?? []))
  );
}

/** `structure`: the node of the outer schema that the condition is about. */
function checkCondition(condition: CustomSchema, structure: CustomSchema, place: Place): void {
  const { path, depth, report } = place;
  if (!checkKeywords(condition, conditionKeywords, place)) return;
  checkShape(condition, place);
  for (const [name, member] of Object.entries(condition.properties ?? {})) {
    const { properties = {} } = structure;
    const outer = Object.hasOwn(properties, name) ? properties[name] : structureOfOthers(structure);
    const at = `${path}.properties[${name}]`;
    if (!outer)
      report(at, 'must be specified in the structural part of the schema too', 'FieldValueRequired');
    else checkCondition(member, outer, { ...place, path: at, depth: depth + 1 });
  }
  if (condition.items !== undefined) {
    if (!structure.items)
      report(
        `${path}.items`,
        'must be specified in the structural part of the schema too',
        'FieldValueRequired',
      );
    else
      checkCondition(condition.items, structure.items, { ...place, path: `${path}.items`, depth: depth + 1 });
  }
  for (const [inner, at] of conditionsOf(condition, path))
    checkCondition(inner, structure, { ...place, path: at, depth: depth + 1 });
}

function structureOfOthers({ additionalProperties, ...structure }: CustomSchema): CustomSchema | undefined {
  if (isObject(additionalProperties)) return additionalProperties as CustomSchema;
  return structure['x-kubernetes-preserve-unknown-fields'] === true ? {} : undefined;
}

/** The root as rules see it: with the fields every object has, of which only names can be spoken of. */
export function withTypeMeta(root: CustomSchema): CustomSchema {
  const metadata = root.properties?.['metadata'];
  return {
    ...root,
    properties: {
      ...root.properties,
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: {
        ...metadata,
        type: 'object',
        properties: { name: { type: 'string' }, generateName: { type: 'string' } },
      },
    },
  };
}
