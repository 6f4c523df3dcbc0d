/**
 * Which fields there are: those an applied configuration names, those a change touched, and which of a set
 * still exist. Pure; the schema decides what counts as one field.
 */
import type { JsonSchema } from '../json-schema.ts';
import { sameJson } from '../object-bytes.ts';
import { elementsIn, type FieldSet, fieldNode, hasSelf, noFields } from './field-set.ts';
import { type Child, childrenOf } from './schema-walk.ts';

/** Undefined: of a leaf. */
type Children = ReadonlyMap<string, Child> | undefined;

/** The fields of a configuration. Containers belong to it only as items or when they are empty. */
export function fieldsOf(schema: JsonSchema, configuration: unknown): FieldSet {
  return fieldsAmong(childrenOf(schema, configuration));
}

function fieldsAmong(children: Children): FieldSet {
  return collect(children, (child) => {
    const inside = childrenOf(child.schema, child.value);
    const own = child.item || !inside || inside.size === 0;
    return fieldNode(own, fieldsAmong(inside));
  });
}

/** The fields of `next` that `old` does not have, or has with another value; new containers count as well. */
export function changedFields(schema: JsonSchema, old: unknown, next: unknown): FieldSet {
  return changedAmong(childrenOf(schema, old), childrenOf(schema, next));
}

function changedAmong(old: Children, next: Children): FieldSet {
  return collect(next, (child, element) => changedNode(old?.get(element), child));
}

function changedNode(before: Child | undefined, after: Child): FieldSet | undefined {
  if (before && sameJson(before.value, after.value)) return undefined;
  const inside = childrenOf(after.schema, after.value);
  if (!inside) return fieldNode(true, noFields);
  const insideBefore = before && childrenOf(after.schema, before.value);
  return fieldNode(insideBefore === undefined, changedAmong(insideBefore, inside));
}

function collect(
  children: Children,
  nodeOf: (child: Child, element: string) => FieldSet | undefined,
): FieldSet {
  const set: Record<string, FieldSet> = {};
  for (const [element, child] of children ?? []) {
    const node = nodeOf(child, element);
    if (node) set[element] = node;
  }
  return set;
}

/** What of a set the object has. Fields inside what the schema now calls atomic become that one field. */
export function fieldsWithin(schema: JsonSchema, set: FieldSet, value: unknown): FieldSet {
  const children = childrenOf(schema, value);
  const result: Record<string, FieldSet> = {};
  for (const element of elementsIn(set)) {
    const child = children?.get(element);
    const node = child && nodeWithin(child, set[element]!);
    if (node) result[element] = node;
  }
  return result;
}

function nodeWithin({ schema, value }: Child, node: FieldSet): FieldSet | undefined {
  if (!childrenOf(schema, value)) return fieldNode(true, noFields);
  return fieldNode(hasSelf(node), fieldsWithin(schema, node, value));
}
