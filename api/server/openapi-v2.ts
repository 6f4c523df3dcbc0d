/**
 * OpenAPI version 2 as gnostic's `openapi.v2.Document` message: kubectl 1.27 and 1.28 read nothing else,
 * and `explain --output=plaintext-openapiv2` of every version. Field numbers are gnostic's OpenAPIv2.proto.
 */
import type { AnyKind } from '../kinds/define-kind.ts';
import type { JsonSchema } from './json-schema.ts';
import { takesStrategicPatch } from './merge-keys.ts';
import { type Dialect, definitions } from './openapi.ts';
import { patchTypes } from './patch.ts';
import { message, type ProtobufField } from './protobuf.ts';
import { gantryVersion } from './version.ts';

/** The answer's type. The one clients ask for has an `@` in it, which Go cannot parse in an answer. */
export const openApiV2ContentType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

const openApiV2Dialect: Dialect = { refPrefix: '#/definitions/', oneOf: () => ({ type: 'string' }) };

/** GET /openapi/v2 */
export function openApiV2(kinds: readonly AnyKind[]): Buffer {
  const named = Object.entries(definitions(kinds, openApiV2Dialect)).map(
    ([name, schema]): ProtobufField => [1, namedValue(name, schemaMessage(schema))],
  );
  return message([
    [1, '2.0'],
    [
      2,
      message([
        [1, 'Gantry'],
        [2, `v${gantryVersion}`],
      ]),
    ],
    [8, message(kinds.filter(takesStrategicPatch).map((kind) => [2, patchPath(kind)]))],
    [9, message(named)],
  ]);
}

/** All that clients look for among the paths: which patches a kind takes. */
function patchPath({ group, version, kind, plural }: AnyKind): Buffer {
  const names: ProtobufField[] = extensions(
    { 'x-kubernetes-group-version-kind': { group, version, kind } },
    13,
  );
  const operation = message([
    ...[patchTypes.merge, patchTypes.strategic].map((type): ProtobufField => [7, type]),
    ...names,
  ]);
  return namedValue(`/${group}/${version}/${plural}/{name}`, message([[8, operation]]));
}

function namedValue(name: string, value: Buffer): Buffer {
  return message([
    [1, name],
    [2, value],
  ]);
}

/** gnostic's Schema; what it has no field for goes into vendor extensions as YAML text. */
function schemaMessage(schema: JsonSchema): Buffer {
  const { $ref, format, description, required = [], type, items, properties, additionalProperties } = schema;
  const fields: ProtobufField[] = [];
  const reference = $ref ?? (schema['allOf'] as { $ref?: string }[] | undefined)?.[0]?.$ref;
  if (typeof reference === 'string') fields.push([1, reference]);
  if (format !== undefined) fields.push([2, format]);
  if (description !== undefined && $ref === undefined) fields.push([4, description]);
  for (const name of required) fields.push([19, name]);
  if (typeof additionalProperties === 'object')
    fields.push([21, message([[1, schemaMessage(additionalProperties)]])]);
  if (type !== undefined) fields.push([22, message([[1, type]])]);
  if (items) fields.push([23, message([[1, schemaMessage(items)]])]);
  if (properties) fields.push([25, propertiesMessage(properties)]);
  return message([...fields, ...extensions(schema, 31)]);
}

function propertiesMessage(properties: Record<string, JsonSchema>): Buffer {
  return message(
    Object.entries(properties).map(
      ([name, member]): ProtobufField => [1, namedValue(name, schemaMessage(member))],
    ),
  );
}

/** `x-…` keywords, as `field`: NamedAny { name, Any { 2: yaml } }. JSON is YAML. */
function extensions(schema: JsonSchema, field: number): ProtobufField[] {
  return Object.entries(schema)
    .filter(([keyword]) => keyword.startsWith('x-'))
    .map(([keyword, value]) => [field, namedValue(keyword, message([[2, `${JSON.stringify(value)}\n`]]))]);
}
