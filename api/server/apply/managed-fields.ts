/**
 * metadata.managedFields: who owns which fields, as entries of Kubernetes' form. One entry per manager,
 * operation and subresource; those of updates also per apiVersion.
 */
import type { Cause } from '../../meta/api-error.ts';
import type { ManagedFieldsEntry } from '../../meta/object-meta.ts';
import { isJsonObject } from '../json-schema.ts';
import { type FieldSet, inOrder, isEmptySet, isFieldSet, noFields, union } from './field-set.ts';

export interface Manager {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  subresource?: string;
}

/** A manager and what it owns. */
export interface Ownership extends Manager {
  fields: FieldSet;
  /** When it last changed something. */
  time?: string;
}

export function isSameManager(left: Manager, right: Manager): boolean {
  return (
    left.manager === right.manager &&
    left.operation === right.operation &&
    left.subresource === right.subresource &&
    (left.operation === 'Apply' || left.apiVersion === right.apiVersion)
  );
}

/** Expects entries that `managedFieldsCauses` has nothing against; what clients sent long ago has been through it. */
export function decodeOwnerships(entries: readonly ManagedFieldsEntry[] = []): Ownership[] {
  return entries.map(
    ({ manager = '', operation = 'Update', apiVersion = '', subresource, time, fieldsV1 }) => ({
      manager,
      operation,
      apiVersion,
      fields: (fieldsV1 ?? noFields) as FieldSet,
      ...(time === undefined ? {} : { time }),
      ...(subresource === undefined || subresource === '' ? {} : { subresource }),
    }),
  );
}

/** In Kubernetes' order; owners of nothing are left out. Undefined when nobody owns anything. */
export function encodeOwnerships(ownerships: readonly Ownership[]): ManagedFieldsEntry[] | undefined {
  const owners = withoutAncient(ownerships.filter(({ fields }) => !isEmptySet(fields)));
  if (owners.length === 0) return undefined;
  return [...owners].sort(inListOrder).map(
    ({ manager, operation, apiVersion, time, fields, subresource }): ManagedFieldsEntry => ({
      manager,
      operation,
      apiVersion,
      ...(time === undefined ? {} : { time }),
      fieldsType: 'FieldsV1',
      fieldsV1: fields,
      ...(subresource === undefined ? {} : { subresource }),
    }),
  );
}

function inListOrder(left: Ownership, right: Ownership): number {
  return (
    compareText(left.operation, right.operation) ||
    compareText(left.time, right.time) ||
    compareText(left.manager, right.manager) ||
    compareText(left.apiVersion, right.apiVersion) ||
    compareText(left.subresource, right.subresource)
  );
}

function compareText(left = '', right = ''): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** Kubernetes' limit: so many who updated an object are told apart, the oldest become one. */
const maxUpdateManagers = 10;
const ancientManager = 'ancient-changes';

function withoutAncient(ownerships: readonly Ownership[]): readonly Ownership[] {
  const updates = ownerships.filter(({ operation }) => operation === 'Update').sort(inListOrder);
  const old = new Set(updates.slice(0, Math.max(0, updates.length - maxUpdateManagers + 1)));
  if (old.size < 2) return ownerships;
  const newest = [...old].at(-1)!;
  const { subresource: _subresource, ...kept } = newest;
  const ancient: Ownership = {
    ...kept,
    manager: ancientManager,
    fields: inOrder([...old].reduce((all, { fields }) => union(all, fields), noFields)),
  };
  return [...ownerships.filter((ownership) => !old.has(ownership)), ancient];
}

/** `[{}]`: the way to clear managedFields. An empty list is what clients send that do not know them. */
export function isReset(entries: readonly ManagedFieldsEntry[] | undefined): boolean {
  return entries?.length === 1 && Object.keys(entries[0] ?? {}).length === 0;
}

const maxManagerLength = 128;

/** What is wrong with entries a client sends. */
export function managedFieldsCauses(entries: readonly unknown[]): Cause[] {
  return entries.flatMap((entry, index) =>
    entryProblems(isJsonObject(entry) ? entry : {}).map(
      ([field, message]): Cause => ({
        field: `metadata.managedFields[${index}].${field}`,
        message,
        reason: 'FieldValueInvalid',
      }),
    ),
  );
}

function entryProblems(entry: Record<string, unknown>): [field: string, message: string][] {
  const problems: [string, string][] = [];
  const {
    operation,
    fieldsType,
    fieldsV1,
    manager = '',
    apiVersion = '',
    subresource = '',
    time = '',
  } = entry;
  const texts = { manager, apiVersion, subresource, time };
  for (const [field, value] of Object.entries(texts)) {
    if (typeof value !== 'string' || value.length > maxManagerLength)
      problems.push([field, `must be text of at most ${maxManagerLength} characters`]);
  }
  if (operation !== 'Apply' && operation !== 'Update')
    problems.push(['operation', 'must be `Apply` or `Update`']);
  if (fieldsType !== undefined && fieldsType !== 'FieldsV1')
    problems.push(['fieldsType', 'must be `FieldsV1`']);
  if (fieldsV1 !== undefined && !isFieldSet(fieldsV1))
    problems.push(['fieldsV1', 'must be a set in FieldsV1 form']);
  return problems;
}
