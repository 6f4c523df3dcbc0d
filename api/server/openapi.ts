/**
 * OpenAPI: the kinds' schemas as kubectl reads them (create, apply, explain), version 3 per group and
 * version, version 2 in one document for kubectl 1.27 and 1.28. Derived from the kinds' own schemas.
 */
import { createHash } from 'node:crypto';
import type { AnyKind } from '../kinds/define-kind.ts';
import { apiVersionOf } from '../kinds/names.ts';
import { isJsonObject, isQuantitySchema, type JsonSchema, mapSchema } from './json-schema.ts';
import { openApiPaths } from './openapi-paths.ts';
import { gantryVersion } from './version.ts';

export const objectMetaName = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
const quantityName = 'io.k8s.apimachinery.pkg.api.resource.Quantity';
const intOrStringName = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString';

const info = { title: 'Gantry', version: `v${gantryVersion}` };

/** `apis/gantry.dev/v1`, `api/v1`: where the kind's group and version are served, without a leading slash. */
export function groupVersionPath({ group, version }: Pick<AnyKind, 'group' | 'version'>): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`;
}

/** GET /openapi/v3: each document's URL carries a hash of its content, so clients may cache it for good. */
export function openApiV3Index(kinds: readonly AnyKind[]): object {
  const paths = [...new Set(kinds.map(groupVersionPath))].map((path) => {
    const hash = createHash('sha256')
      .update(JSON.stringify(openApiV3Document(kinds, path)))
      .digest('hex');
    return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash.toUpperCase()}` }];
  });
  return { paths: Object.fromEntries(paths) };
}

/** GET /openapi/v3/<path>; undefined when nothing is served there. */
export function openApiV3Document(kinds: readonly AnyKind[], path: string): object | undefined {
  const served = kinds.filter((kind) => groupVersionPath(kind) === path);
  if (served.length === 0) return undefined;
  return {
    openapi: '3.0.0',
    info,
    paths: Object.assign({}, ...served.map((kind) => openApiPaths(kind, definitionName(kind)))),
    components: { schemas: definitions(served, openApiV3) },
  };
}

/** Where references point, and how a value of two types is written: version 2 has no word for it. */
export interface Dialect {
  refPrefix: string;
  oneOf: (...types: string[]) => JsonSchema;
}

const openApiV3: Dialect = {
  refPrefix: '#/components/schemas/',
  oneOf: (...types) => ({ oneOf: types.map((type) => ({ type })) }),
};

/** All kinds' definitions, and those they refer to. */
export function definitions(
  kinds: readonly AnyKind[],
  { refPrefix, oneOf }: Dialect,
): Record<string, JsonSchema> {
  const refTo = (name: string): JsonSchema => ({ $ref: `${refPrefix}${name}` });
  const all: Record<string, JsonSchema> = {
    [quantityName]: {
      ...oneOf('string', 'number'),
      description: 'An amount of a resource, such as 500m, 1.5, 64Mi or 2Gi.',
    },
    [intOrStringName]: {
      ...oneOf('integer', 'string'),
      format: 'int-or-string',
      description: 'A whole number, or text such as 25%.',
    },
  };
  for (const kind of kinds) {
    const { properties = {}, ...schema } = documented(kind.schema as JsonSchema, refTo);
    all[objectMetaName] = properties['metadata'] ?? {};
    all[definitionName(kind)] = {
      ...schema,
      properties: {
        ...properties,
        metadata: described(refTo(objectMetaName), "Standard object's metadata."),
      },
      'x-kubernetes-group-version-kind': [{ group: kind.group, version: kind.version, kind: kind.kind }],
    };
    all[`${definitionName(kind)}List`] = listDefinition(kind, refTo(definitionName(kind)));
  }
  return all;
}

/** `dev.gantry.v1.Job`, `io.k8s.api.core.v1.Node`: Kubernetes' names for its own kinds, the group reversed for others. */
export function definitionName({
  group,
  version,
  kind,
}: Pick<AnyKind, 'group' | 'version' | 'kind'>): string {
  if (group === '') return `io.k8s.api.core.${version}.${kind}`;
  if (group.endsWith('.k8s.io')) return `io.k8s.api.${group.split('.')[0]}.${version}.${kind}`;
  return `${group.split('.').reverse().join('.')}.${version}.${kind}`;
}

function listDefinition(kind: AnyKind, item: JsonSchema): JsonSchema {
  return {
    type: 'object',
    description: `A list of objects of kind ${kind.kind}.`,
    required: ['items'],
    properties: {
      apiVersion: { type: 'string', description: apiVersionOf(kind) },
      kind: { type: 'string', description: `${kind.kind}List` },
      metadata: { type: 'object', description: 'Version and continuation of the list.' },
      items: { type: 'array', description: 'The objects.', items: item },
    },
    'x-kubernetes-group-version-kind': [
      { group: kind.group, version: kind.version, kind: `${kind.kind}List` },
    ],
  };
}

/** The schema in OpenAPI's dialect: named types for quantities, `nullable` for null, no closed objects. */
function documented(schema: JsonSchema, refTo: (name: string) => JsonSchema): JsonSchema {
  return mapSchema(schema, (node) => {
    const { additionalProperties, anyOf, ...rest } = node;
    if (isQuantitySchema(node)) return described(refTo(quantityName), node.description);
    if (node['x-kubernetes-int-or-string']) return described(refTo(intOrStringName), node.description);
    const isNullable = anyOf?.some(({ type }) => type === 'null');
    const value = isNullable ? anyOf?.find(({ type }) => type !== 'null') : undefined;
    // kubectl explain (to 1.30) takes no boolean here.
    const open = isJsonObject(additionalProperties) ? { additionalProperties } : {};
    if (value) return { ...value, ...rest, nullable: true };
    return { ...rest, ...open, ...(anyOf ? { anyOf } : {}) };
  });
}

/** A reference cannot carry a description beside it, but an `allOf` of one can. */
function described(reference: JsonSchema, description: string | undefined): JsonSchema {
  return description === undefined ? reference : { description, default: {}, allOf: [reference] };
}
