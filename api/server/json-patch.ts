/**
 * JSON patch (RFC 6902) on a JSON value of one's own: `applyOperations` changes the value it is given.
 *
 * Invariant: the time taken is bounded by the limits below, whatever the operations are. Pointers reach own
 * members of plain objects and items of lists, nothing else.
 */
import { ApiError } from '../meta/api-error.ts';
import { maxDepth } from './decode-body.ts';
import { isJsonObject, type JsonObject } from './json-schema.ts';

/** Kubernetes' limit. */
const maxOperations = 10_000;
/** What `copy` may add up to; a member or an item counts as `memberBytes` at least. */
const maxCopiedBytes = 1024 * 1024;
const memberBytes = 16;
/** Items that may have to move because others come or go before them. */
const maxShiftedItems = 20_000_000;

export type Operation =
  | { op: 'add' | 'replace' | 'test'; path: string; value: unknown }
  | { op: 'remove'; path: string }
  | Transfer;

interface Transfer {
  op: 'move' | 'copy';
  path: string;
  from: string;
}

/** Why an operation cannot be carried out on this value. `index` is its place in the patch. */
export class OperationFailure extends Error {
  readonly index: number;
  readonly operation: Operation;

  constructor(problem: string, index: number, operation: Operation) {
    super(problem);
    this.index = index;
    this.operation = operation;
  }
}

/** Throws OperationFailure, or ApiError RequestEntityTooLarge for a patch that would take too long. */
export function applyOperations(root: object, operations: readonly Operation[]): void {
  const patching = new Patching(root);
  for (const [index, operation] of operations.entries()) {
    try {
      patching.apply(operation);
    } catch (error) {
      if (error instanceof Misfit) throw new OperationFailure(error.message, index, operation);
      throw error;
    }
  }
}

/** Checks form alone. Throws ApiError BadRequest or RequestEntityTooLarge. */
export function requireOperations(patch: unknown): Operation[] {
  if (!Array.isArray(patch)) throw new ApiError('BadRequest', 'a JSON patch must be a list of operations');
  if (patch.length > maxOperations) {
    throw new ApiError(
      'RequestEntityTooLarge',
      `a JSON patch may have at most ${maxOperations} operations, this one has ${patch.length}`,
    );
  }
  for (const [index, operation] of patch.entries()) {
    const problem = operationProblem(operation);
    if (problem) throw new ApiError('BadRequest', `operation ${index} of the JSON patch ${problem}`);
  }
  return patch as Operation[];
}

const operationNames = ['add', 'remove', 'replace', 'move', 'copy', 'test'];

function operationProblem(operation: unknown): string | undefined {
  if (!isJsonObject(operation)) return 'is not an object';
  const { op, path, from } = operation;
  if (typeof op !== 'string' || !operationNames.includes(op))
    return `must have op ${operationNames.join(', ')}`;
  if (!isPointer(path) || path === '') return 'must have a path such as /spec/replicas';
  if ((op === 'move' || op === 'copy') && !isPointer(from))
    return 'must have from, a path such as /spec/replicas';
  if (op === 'move' && `${path}/`.startsWith(`${String(from)}/`) && path !== from)
    return 'moves a value into itself';
  if (['add', 'replace', 'test'].includes(op) && operation['value'] === undefined) return 'must have a value';
  return undefined;
}

const forbiddenSegments = ['__proto__', 'constructor', 'prototype'];

function isPointer(path: unknown): path is string {
  if (typeof path !== 'string' || (path !== '' && !path.startsWith('/')) || /~(?![01])/.test(path))
    return false;
  return !path.split('/').some((segment) => forbiddenSegments.includes(segment));
}

/** The member names of a JSON pointer (RFC 6901). */
export function pointerSegments(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The operation does not fit the value. */
class Misfit extends Error {}

type Container = JsonObject | unknown[];

class Patching {
  readonly #root: object;
  #copiedBytes = 0;
  #shiftedItems = 0;

  constructor(root: object) {
    this.#root = root;
  }

  apply(operation: Operation): void {
    const { op, path } = operation;
    if (op === 'remove') this.#remove(path);
    else if (op === 'add') this.#add(path, ownCopy(operation.value));
    else if (op === 'replace') this.#replace(path, ownCopy(operation.value));
    else if (op === 'test') this.#test(path, operation.value);
    else this.#transfer(operation as Transfer);
  }

  #transfer({ op, path, from }: Transfer): void {
    const taken = this.#valueAt(from, 'there is nothing to take at from');
    if (op === 'move') this.#remove(from);
    this.#add(path, op === 'move' ? taken : this.#copyOf(taken));
  }

  #test(path: string, expected: unknown): void {
    if (!isEqual(this.#valueAt(path, noPath), expected))
      throw new Misfit('the value is not the one that was tested for');
  }

  #add(path: string, value: unknown): void {
    const { owner, name } = this.#placeOf(path);
    if (!Array.isArray(owner)) {
      owner[name] = value;
      return;
    }
    const index = name === '-' ? owner.length : indexOf(name);
    if (index > owner.length) throw new Misfit('the index is beyond the end of the list');
    this.#shift(owner.length - index);
    owner.splice(index, 0, value);
  }

  #remove(path: string): void {
    const { owner, name } = this.#placeOf(path);
    if (!has(owner, name)) throw new Misfit(noPath);
    if (!Array.isArray(owner)) {
      delete owner[name];
      return;
    }
    this.#shift(owner.length - Number(name));
    owner.splice(Number(name), 1);
  }

  #replace(path: string, value: unknown): void {
    const { owner, name } = this.#placeOf(path);
    if (!has(owner, name)) throw new Misfit(noPath);
    (owner as JsonObject)[name] = value;
  }

  #valueAt(path: string, absent: string): unknown {
    if (path === '') return this.#root;
    const { owner, name } = this.#placeOf(path);
    if (!has(owner, name)) throw new Misfit(absent);
    return (owner as JsonObject)[name];
  }

  #placeOf(path: string): { owner: Container; name: string } {
    const segments = pointerSegments(path);
    const name = segments.pop() ?? '';
    let owner: unknown = this.#root;
    for (const segment of segments) {
      if (!isContainer(owner) || !has(owner, segment)) throw new Misfit(noPath);
      owner = (owner as JsonObject)[segment];
    }
    if (!isContainer(owner)) throw new Misfit(noPath);
    return { owner, name };
  }

  #shift(items: number): void {
    this.#shiftedItems += items;
    if (this.#shiftedItems > maxShiftedItems)
      throw new ApiError('RequestEntityTooLarge', 'the JSON patch moves too many items of lists');
  }

  #copyOf(value: unknown, depth = 0): unknown {
    if (depth > maxDepth)
      throw new ApiError(
        'BadRequest',
        `the JSON patch makes an object nested deeper than ${maxDepth} levels`,
      );
    this.#copiedBytes += typeof value === 'string' ? value.length : memberBytes;
    if (this.#copiedBytes > maxCopiedBytes)
      throw new ApiError(
        'RequestEntityTooLarge',
        `the copies of a JSON patch add up to over ${maxCopiedBytes} bytes`,
      );
    if (!isContainer(value)) return value;
    if (Array.isArray(value)) return value.map((item) => this.#copyOf(item, depth + 1));
    const copy: JsonObject = {};
    for (const name of Object.keys(value)) copy[name] = this.#copyOf(value[name], depth + 1);
    return copy;
  }
}

/** The patch may be applied again: later operations must not change its values. */
function ownCopy(value: unknown): unknown {
  return isContainer(value) ? JSON.parse(JSON.stringify(value)) : value;
}

const noPath = 'there is no such path';

function isContainer(value: unknown): value is Container {
  return typeof value === 'object' && value !== null;
}

function has(owner: Container, name: string): boolean {
  return Array.isArray(owner) ? indexOf(name) < owner.length : Object.hasOwn(owner, name);
}

/** Throws Misfit for what is no index; digits without leading zeros are. */
function indexOf(name: string): number {
  if (!/^(0|[1-9]\d{0,8})$/.test(name)) throw new Misfit('the path does not name an item of the list');
  return Number(name);
}

function isEqual(left: unknown, right: unknown): boolean {
  if (!isContainer(left) || !isContainer(right)) return left === right;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  const names = Object.keys(left);
  return (
    names.length === Object.keys(right).length &&
    names.every(
      (name) =>
        Object.hasOwn(right, name) && isEqual((left as JsonObject)[name], (right as JsonObject)[name]),
    )
  );
}
