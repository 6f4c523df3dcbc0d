/**
 * A set of fields of an object, as a trie: exactly FieldsV1, the form in which managedFields keeps it.
 * `f:<name>` is a member of an object, `k:{"name":"x"}` the item of a list with that key, `v:<json>` an item of
 * a set, `i:<n>` an item by its place, and `.` the field itself where fields inside it are in the set as well.
 *
 * Invariant: a node below the root without members is a field; there is no node that stands for nothing. Values
 * are never changed, only made anew.
 */

export interface FieldSet {
  readonly [element: string]: FieldSet;
}

const self = '.';
const leaf: FieldSet = Object.freeze({});

export const noFields: FieldSet = leaf;

export function isEmptySet(set: FieldSet): boolean {
  for (const _element in set) return false;
  return true;
}

/** Whether the field a node stands for is in the set, beside what is inside it. */
export function hasSelf(node: FieldSet | undefined): boolean {
  return node !== undefined && (self in node || isEmptySet(node));
}

/** A node below the root; undefined where neither the field nor anything inside it is in the set. */
export function fieldNode(own: boolean, inside: FieldSet): FieldSet | undefined {
  if (isEmptySet(inside)) return own ? leaf : undefined;
  return own ? { [self]: leaf, ...inside } : inside;
}

/** The elements directly below a node, without the node itself. */
export function elementsIn(node: FieldSet): string[] {
  return Object.keys(node).filter((element) => element !== self);
}

interface Combination {
  keep: (left: boolean, right: boolean) => boolean;
  /** Whether what only one side has is taken over as it is. */
  leftOnly: boolean;
  rightOnly: boolean;
}

const unionOf: Combination = { keep: (left, right) => left || right, leftOnly: true, rightOnly: true };
const differenceOf: Combination = { keep: (left, right) => left && !right, leftOnly: true, rightOnly: false };
const intersectionOf: Combination = {
  keep: (left, right) => left && right,
  leftOnly: false,
  rightOnly: false,
};

export function union(left: FieldSet, right: FieldSet): FieldSet {
  return combine(left, right, unionOf);
}

/** What is in `left` but not in `right`. */
export function difference(left: FieldSet, right: FieldSet): FieldSet {
  return combine(left, right, differenceOf);
}

export function intersection(left: FieldSet, right: FieldSet): FieldSet {
  return combine(left, right, intersectionOf);
}

function combine(left: FieldSet, right: FieldSet, combination: Combination): FieldSet {
  const result: Record<string, FieldSet> = {};
  for (const element in left) {
    if (element === self) continue;
    const node = combineNodes(left[element], right[element], combination);
    if (node) result[element] = node;
  }
  if (!combination.rightOnly) return result;
  for (const element in right) {
    if (element !== self && !(element in left)) result[element] = right[element]!;
  }
  return result;
}

function combineNodes(
  left: FieldSet | undefined,
  right: FieldSet | undefined,
  combination: Combination,
): FieldSet | undefined {
  if (!right) return combination.leftOnly ? left : undefined;
  if (!left) return combination.rightOnly ? right : undefined;
  return fieldNode(combination.keep(hasSelf(left), hasSelf(right)), combine(left, right, combination));
}

export function sameFields(left: FieldSet, right: FieldSet): boolean {
  return isEmptySet(difference(left, right)) && isEmptySet(difference(right, left));
}

/** Every field of the set as Kubernetes prints paths: `.spec.containers[name="main"].image`. */
export function pathsOf(set: FieldSet, prefix = ''): string[] {
  return elementsIn(set)
    .sort()
    .flatMap((element) => {
      const path = prefix + pathElement(element);
      const node = set[element]!;
      return [...(hasSelf(node) ? [path] : []), ...pathsOf(node, path)];
    });
}

function pathElement(element: string): string {
  const content = element.slice(2);
  switch (element.slice(0, 2)) {
    case 'f:':
      return `.${content}`;
    case 'k:': {
      const keys = Object.entries(JSON.parse(content) as Record<string, unknown>);
      return `[${keys.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`;
    }
    case 'v:':
      return `[=${content}]`;
    default:
      return `[${content}]`;
  }
}

/** The same set with its elements in order: one set has one text. */
export function inOrder(set: FieldSet): FieldSet {
  const result: Record<string, FieldSet> = {};
  for (const element of Object.keys(set).sort()) result[element] = inOrder(set[element]!);
  return result;
}

/** Whether a JSON value is a set in this form. */
export function isFieldSet(value: unknown): value is FieldSet {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(([element, node]) => isElement(element) && isFieldSet(node));
}

function isElement(element: string): boolean {
  const content = element.slice(2);
  switch (element.slice(0, 2)) {
    case 'f:':
      return true;
    case 'k:':
      return isJson(content, (value) => typeof value === 'object' && value !== null && !Array.isArray(value));
    case 'v:':
      return isJson(content, () => true);
    case 'i:':
      return /^\d{1,9}$/.test(content);
    default:
      return element === self;
  }
}

function isJson(text: string, accepts: (value: unknown) => boolean): boolean {
  try {
    return accepts(JSON.parse(text));
  } catch {
    return false;
  }
}
