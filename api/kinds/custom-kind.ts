/**
 * A version of a CustomResourceDefinition as a kind like any other: names, schema, columns, subresources
 * and rules. What the server does with built-in kinds it does with these, through the same registry.
 */
import { ApiError, type Cause } from '../meta/api-error.ts';
import type { AnyObject } from '../meta/object-meta.ts';
import type { CustomResourceDefinition, CustomVersion } from './custom-resource-definition.ts';
import { type CustomSchema, withTypeMeta } from './custom-schema.ts';
import { type AnyKind, ageColumn, type Column, type ScaleSubresource, type Strategy } from './define-kind.ts';
import { type JsonPath, parseJsonPath } from './json-path.ts';
import type { KindNames } from './names.ts';
import { servedSchema } from './served-schema.ts';
import { mapKey, ruleChecker } from './validation-rules.ts';

/** The kinds a definition stands for: one per served version, in the order clients should prefer them. */
export function customKinds(definition: CustomResourceDefinition): AnyKind[] {
  const { versions } = definition.spec;
  const storageVersion = versions.find(({ storage }) => storage)?.name ?? '';
  return versions
    .filter(({ served }) => served)
    .sort((left, right) => compareVersions(left.name, right.name))
    .map((version) => customKind(definition, version, storageVersion));
}

/** The kind as objects are stored, served or not. */
export function storedKind(definition: CustomResourceDefinition): AnyKind {
  const version = definition.spec.versions.find(({ storage }) => storage)!;
  return customKind(definition, version, version.name);
}

function customKind(
  definition: CustomResourceDefinition,
  version: CustomVersion,
  storageVersion: string,
): AnyKind {
  const names = namesOf(definition, version.name);
  const schema = version.schema.openAPIV3Schema;
  const { status, scale } = version.subresources ?? {};
  return {
    ...names,
    description: schema.description ?? `${names.kind} of ${names.group}`,
    schema: servedSchema(names, schema) as unknown as AnyKind['schema'],
    columns: columnsOf(version),
    selectableFields: Object.fromEntries(
      (version.selectableFields ?? []).map(({ jsonPath }) => [jsonPath.slice(1), textReader(jsonPath)]),
    ),
    statusSubresource: status !== undefined,
    ...(scale ? { scale: scaleOf(scale) } : {}),
    storageVersion,
    strategy: strategyOf(definition, schema),
  };
}

/** As accepted; who conflicts keeps the names it had. */
function namesOf({ spec, status }: CustomResourceDefinition, version: string): KindNames {
  const { plural, kind } = spec.names;
  const {
    singular = kind.toLowerCase(),
    shortNames = [],
    categories = [],
  } = status?.acceptedNames ?? spec.names;
  const namespaced = spec.scope === 'Namespaced';
  return { group: spec.group, version, kind, plural, singular, shortNames, categories, namespaced };
}

/** v2 before v1 before v1beta2 before v1beta1 before v1alpha1, and other names after them, by the alphabet. */
function compareVersions(left: string, right: string): number {
  const [a, b] = [versionRank(left), versionRank(right)];
  const difference = a.map((value, index) => (b[index] ?? 0) - value).find((value) => value !== 0);
  return difference ?? (left < right ? -1 : 1);
}

function versionRank(version: string): number[] {
  const [, major, stage, minor] = /^v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?$/.exec(version) ?? [];
  if (major === undefined) return [0, 0, 0];
  return [stage === undefined ? 3 : stage === 'beta' ? 2 : 1, Number(major), Number(minor ?? 0)];
}

const nameColumn: Column<AnyObject> = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name of the object.',
  cell: ({ metadata }) => metadata.name,
};

function columnsOf({ additionalPrinterColumns = [] }: CustomVersion): Column<AnyObject>[] {
  if (additionalPrinterColumns.length === 0) return [nameColumn, ageColumn];
  const columns = additionalPrinterColumns.map(
    ({ name, type, description = '', priority = 0, jsonPath }): Column<AnyObject> => {
      const path = parseJsonPath(jsonPath);
      return {
        name,
        type,
        description,
        priority: priority > 0 ? 1 : 0,
        cell: (object) => cellOf(type, path?.valuesIn(object) ?? []),
      };
    },
  );
  return [nameColumn, ...columns];
}

function cellOf(
  type: Column<AnyObject>['type'],
  values: readonly unknown[],
): ReturnType<Column<AnyObject>['cell']> {
  const [value] = values;
  if (value === undefined || value === null) return undefined;
  if (type === 'string') return values.length > 1 ? values.map(asText).join(',') : asText(value);
  if (type === 'date') return typeof value === 'string' ? value : undefined;
  const fits = type === 'boolean' ? typeof value === 'boolean' : typeof value === 'number';
  return fits ? (value as number | boolean) : undefined;
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function textReader(path: string): (object: AnyObject) => string | undefined {
  const parsed = parseJsonPath(path);
  return (object) => {
    const [value] = parsed?.valuesIn(object) ?? [];
    return value === undefined || value === null ? undefined : asText(value);
  };
}

type ScalePaths = NonNullable<NonNullable<CustomVersion['subresources']>['scale']>;

function scaleOf({
  specReplicasPath,
  statusReplicasPath,
  labelSelectorPath,
}: ScalePaths): ScaleSubresource<AnyObject> {
  const [wanted, actual] = [parseJsonPath(specReplicasPath), parseJsonPath(statusReplicasPath)];
  const selector = labelSelectorPath === undefined ? undefined : textReader(labelSelectorPath);
  return {
    specReplicas: (object) => Number(wanted?.valuesIn(object)[0] ?? 0),
    statusReplicas: (object) => Number(actual?.valuesIn(object)[0] ?? 0),
    selector: (object) => selector?.(object) ?? '',
    withReplicas: (object, replicas) => withValue(object, wanted, replicas),
  };
}

function withValue(object: AnyObject, path: JsonPath | undefined, value: unknown): AnyObject {
  const changed = structuredClone(object);
  const names = [...(path?.plainNames ?? [])];
  const last = names.pop();
  let owner: Record<string, unknown> = changed;
  for (const name of names) owner = (owner[name] ??= {}) as Record<string, unknown>;
  if (last !== undefined) owner[last] = value;
  return changed;
}

function strategyOf(definition: CustomResourceDefinition, schema: CustomSchema): Strategy<AnyObject> {
  const root = withTypeMeta(schema);
  let check: ReturnType<typeof ruleChecker> | 'not compiled' = 'not compiled';
  const causes = (object: AnyObject, old?: AnyObject): Cause[] => {
    if (check === 'not compiled') check = ruleChecker(root);
    const duplicates = duplicateCauses(schema, object, '');
    return duplicates.length > 0 ? duplicates : (check?.(object, old) ?? []);
  };
  return {
    validate(object, old) {
      if (!old) refuseWhileTerminating(definition);
      return causes(object, old);
    },
    validateStatus: (object, old) => causes(object, old).filter(({ field }) => /^status\b|^$/.test(field)),
  };
}

function refuseWhileTerminating({ metadata }: CustomResourceDefinition): void {
  if (metadata.deletionTimestamp === undefined) return;
  throw new ApiError(
    'MethodNotAllowed',
    `create is not allowed while the custom resource definition ${metadata.name} is terminating`,
  );
}

/** Items that lists of type `set` and `map` hold twice. */
function duplicateCauses(schema: CustomSchema, value: unknown, path: string): Cause[] {
  if (Array.isArray(value)) {
    const own = duplicateItems(schema, value, path);
    const { items } = schema;
    return own.length > 0 || !items || !hasLists(items)
      ? own
      : value.flatMap((item, index) => duplicateCauses(items, item, `${path}[${index}]`));
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => {
    const { properties = {}, additionalProperties } = schema;
    const inner =
      (Object.hasOwn(properties, name) ? properties[name] : undefined) ??
      (typeof additionalProperties === 'object' ? additionalProperties : undefined);
    return inner ? duplicateCauses(inner, member, path === '' ? name : `${path}.${name}`) : [];
  });
}

function hasLists({ items, properties = {}, additionalProperties }: CustomSchema): boolean {
  if (items || Object.values(properties).some(hasLists)) return true;
  return typeof additionalProperties === 'object' && hasLists(additionalProperties);
}

function duplicateItems(schema: CustomSchema, list: readonly unknown[], path: string): Cause[] {
  const type = schema['x-kubernetes-list-type'];
  if (type !== 'set' && type !== 'map') return [];
  const seen = new Set<string>();
  return list.flatMap((item, index): Cause[] => {
    const key =
      type === 'map' ? mapKey(item, schema['x-kubernetes-list-map-keys'] ?? []) : JSON.stringify(item);
    const isDuplicate = seen.has(key);
    seen.add(key);
    if (!isDuplicate) return [];
    return [
      {
        field: `${path}[${index}]`,
        message: `Duplicate value: ${key.slice(0, 120)}`,
        reason: 'FieldValueDuplicate',
      },
    ];
  });
}
