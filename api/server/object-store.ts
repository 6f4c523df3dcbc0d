/**
 * Objects over the store: every write is one transaction that compares what it was decided on. Reads begin
 * with the watch cache; a decision that fails on a cached object is taken again on the stored one, so a
 * cache that lags can cost a read but never a wrong answer.
 */
import type { AnyKind } from '../kinds/define-kind.ts';
import { names } from '../kinds/names.ts';
import { ApiError } from '../meta/api-error.ts';
import { type AnyObject, keyOf, splitKey } from '../meta/object-meta.ts';
import type { Compare, Operation, Transaction, TransactionResult } from '../store/store.ts';
import { type Allocation, type AllocationRecord, allocationWrite, readAllocation } from './allocation.ts';
import { type AllocationEdit, allocationEdit } from './allocation-edit.ts';
import type { AllocationRecords } from './allocation-records.ts';
import { CachedObject } from './cached-object.ts';
import { claimChange, refuseTaken } from './claims.ts';
import type { Guard } from './disruption-guard.ts';
import type { Expiry } from './expiry.ts';
import { allocationKey, storeKey } from './keys.ts';
import { encodeObject, sameJson, withRevision } from './object-bytes.ts';
import { conflict, notFound, qualified } from './object-lifecycle.ts';
import type { WriteStore } from './transaction-batcher.ts';
import { Turns } from './turns.ts';
import type { WatchCache } from './watch-cache.ts';

/** What a decision wants done with the object. */
export type Change = { type: 'put'; object: AnyObject } | { type: 'remove' };

export interface Changed {
  type: 'unchanged' | 'changed' | 'removed';
  /** The object now; for `removed` its last state. */
  object: CachedObject;
}

/** What is set aside on a task's node, and the node; nothing and undefined for a task without one. */
export interface AllocatedSpace {
  allocation: Allocation;
  node: CachedObject | undefined;
}

/** Decides what becomes of a task and of what is set aside with it. */
export type AllocatedDecision = (
  current: CachedObject,
  space: AllocatedSpace,
) => { object: AnyObject; allocation: Allocation };

export interface WriteOptions {
  dryRun: boolean;
}

export interface ChangeOptions extends WriteOptions {
  /** Goes into the same transaction. */
  guard?: Guard;
}

export interface ObjectStoreParts {
  store: WriteStore;
  cache: WatchCache;
  allocations: AllocationRecords;
  expiry: Expiry;
}

/** More losses than this in a row, and the caller may try again later. */
const maxAttempts = 16;

export class ObjectStore {
  readonly #store: WriteStore;
  readonly #cache: WatchCache;
  readonly #expiry: Expiry;
  readonly #allocations: AllocationRecords;
  readonly #turns = new Turns();

  constructor({ store, cache, allocations, expiry }: ObjectStoreParts) {
    this.#allocations = allocations;
    this.#store = store;
    this.#cache = cache;
    this.#expiry = expiry;
  }

  /** The object as the store has it now. */
  async fetch(kind: AnyKind, key: string): Promise<CachedObject | undefined> {
    const { kv } = await this.#store.get(storeKey(kind, key));
    return kv && CachedObject.fromStore(key, kv);
  }

  /** Throws ApiError AlreadyExists; NotFound or Forbidden when the namespace is missing or terminating. */
  async create(kind: AnyKind, object: AnyObject, { dryRun }: WriteOptions): Promise<CachedObject> {
    const key = keyOf(object);
    const value = encodeObject(kind, object);
    const claims = claimChange(kind, undefined, object);
    let namespace = this.#cachedNamespace(object);
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      if (kind.namespaced) namespace = await this.#openNamespace(kind, object, namespace);
      if (dryRun) return this.#dryCreate(kind, key, value);
      const own = [{ key: storeKey(kind, key), modRevision: 0 }, ...claims.compares];
      const result = await this.#store.transact({
        compares: [...own, ...compareObject(names.Namespace, namespace)],
        operations: [await this.#put(kind, key, value), ...claims.operations],
      });
      if (result.succeeded)
        return new CachedObject(key, result.revision, withRevision(value, result.revision)).inVersion(kind);
      if (result.current[0]) throw alreadyExists(kind, object.metadata.name);
      refuseTaken(kind, object.metadata.name, claims, result.current.slice(1));
      namespace = undefined;
    }
    throw conflict(kind, object.metadata.name, 'its namespace keeps changing; please try again');
  }

  /**
   * Changes or removes one object. `decide` is pure and runs again when it was given an old state; what it
   * throws is thrown. Objects come and go in the version of `kind`. Throws ApiError NotFound.
   */
  change(
    kind: AnyKind,
    key: string,
    decide: (current: CachedObject) => Change,
    options: ChangeOptions,
  ): Promise<Changed> {
    return this.#turns.take(storeKey(kind, key), async () => {
      const { type, object } = await this.#change(kind, key, decide, options);
      return { type, object: object.inVersion(kind) };
    });
  }

  async #change(
    kind: AnyKind,
    key: string,
    decide: (current: CachedObject) => Change,
    { dryRun, guard }: ChangeOptions,
  ): Promise<Changed> {
    const cached = this.#cache.kind(kind).get(key);
    let current = cached ?? (await this.#fetchExisting(kind, key));
    let fresh = cached === undefined;
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const change = await this.#decide(() => decide(current.inVersion(kind)), fresh);
      const before = current;
      const value =
        change?.type === 'put' ? encodeObject(kind, change.object, () => before.parse()) : undefined;
      if (change === undefined || (!fresh && (dryRun || isNoOp(current, change, value)))) {
        current = await this.#fetchExisting(kind, key);
        fresh = true;
        continue;
      }
      if (isNoOp(current, change, value)) return { type: 'unchanged', object: current };
      const guarded = await guard?.();
      if (dryRun) return outcome(current, value, current.revision);
      const operation: Operation = value
        ? await this.#put(kind, key, value)
        : { type: 'delete', key: storeKey(kind, key) };
      const edit = allocationEdit(kind, current, change.type === 'put' ? change.object : undefined);
      const claims = claimChange(kind, current, change.type === 'put' ? change.object : undefined);
      const transaction = {
        compares: [...compareObject(kind, current), ...claims.compares, ...(guarded?.compares ?? [])],
        operations: [operation, ...claims.operations, ...(guarded?.operations ?? [])],
      };
      const result = await (edit
        ? this.#transactWithAllocation(transaction, edit)
        : this.#store.transact(transaction));
      if (result.succeeded) return outcome(current, value, result.revision);
      const [stored, ...claimed] = result.current;
      if (!stored) throw notFound(kind, splitKey(key).name);
      if (stored.modRevision === current.revision) refuseTaken(kind, splitKey(key).name, claims, claimed);
      current = CachedObject.fromStore(key, stored);
      fresh = true;
    }
    throw conflict(kind, splitKey(key).name, 'the object keeps changing; please try again');
  }

  /** On a stale object an error proves nothing: undefined asks for the stored one. */
  async #decide(decide: () => Change, fresh: boolean): Promise<Change | undefined> {
    try {
      return decide();
    } catch (error) {
      if (fresh) throw error;
      return undefined;
    }
  }

  async #fetchExisting(kind: AnyKind, key: string): Promise<CachedObject> {
    const object = await this.fetch(kind, key);
    if (!object) throw notFound(kind, splitKey(key).name);
    return object;
  }

  async #fetchNode(name: string): Promise<CachedObject | undefined> {
    const { kv } = await this.#store.get(storeKey(names.Node, name));
    return kv && CachedObject.fromStore(name, kv);
  }

  async #dryCreate(kind: AnyKind, key: string, value: Buffer): Promise<CachedObject> {
    const { kv, revision } = await this.#store.get(storeKey(kind, key));
    if (kv) throw alreadyExists(kind, splitKey(key).name);
    return new CachedObject(key, revision, withRevision(value, revision)).inVersion(kind);
  }

  async #put(kind: AnyKind, key: string, value: Buffer): Promise<Operation> {
    const { ttlSeconds } = kind.strategy;
    const lease = ttlSeconds === undefined ? {} : { leaseId: await this.#expiry.lease(ttlSeconds) };
    return { type: 'put', key: storeKey(kind, key), value, ...lease };
  }

  #cachedNamespace({ metadata }: AnyObject): CachedObject | undefined {
    return this.#cache.kind(names.Namespace).get(metadata.namespace ?? '');
  }

  /** The namespace, which must exist and take new objects; looked up in the store when it is not known. */
  async #openNamespace(
    kind: AnyKind,
    { metadata }: AnyObject,
    known: CachedObject | undefined,
  ): Promise<CachedObject> {
    const name = metadata.namespace ?? '';
    let namespace = known;
    if (!namespace) {
      const { kv } = await this.#store.get(storeKey(names.Namespace, name));
      if (!kv) throw notFound(names.Namespace, name);
      namespace = CachedObject.fromStore(name, kv);
    }
    if (!namespace.terminating) return namespace;
    throw new ApiError(
      'Forbidden',
      `${qualified(kind)} ${JSON.stringify(metadata.name)} is forbidden: unable to create new content in namespace ${name} because it is being terminated`,
      {
        name: metadata.name,
        group: kind.group,
        kind: kind.plural,
        causes: [
          {
            field: 'metadata.namespace',
            message: `namespace ${name} is being terminated`,
            reason: 'NamespaceTerminating',
          },
        ],
      },
    );
  }

  /**
   * Changes a task and what is set aside for it on its node. `decide` is pure and runs again when somebody was
   * faster; what it throws is thrown. Throws ApiError NotFound.
   */
  changeWithAllocation(
    kind: AnyKind,
    key: string,
    decide: AllocatedDecision,
    { dryRun }: WriteOptions,
  ): Promise<Changed> {
    return this.#turns.take(storeKey(kind, key), async () => {
      for (let attempt = 0; attempt < maxAttempts; attempt++) {
        const current = await this.#fetchExisting(kind, key);
        const node = current.field(kind, 'spec.nodeName') ?? '';
        const changed = await this.#allocations.take(node, () =>
          this.#changeAllocated(kind, current, { node, decide, dryRun }),
        );
        if (changed) return { type: changed.type, object: changed.object.inVersion(kind) };
      }
      throw conflict(kind, splitKey(key).name, 'the task or its node keeps changing; please try again');
    });
  }

  /** Undefined when somebody was faster. */
  async #changeAllocated(
    kind: AnyKind,
    current: CachedObject,
    { node, decide, dryRun }: WriteOptions & { node: string; decide: AllocatedDecision },
  ): Promise<Changed | undefined> {
    const [{ kv: record }, host] = await Promise.all([
      this.#store.get(allocationKey(node)),
      node === '' ? undefined : this.#fetchNode(node),
    ]);
    const decided = decide(current.inVersion(kind), { allocation: readAllocation(record), node: host });
    const put: Change = { type: 'put', object: decided.object };
    const value = encodeObject(kind, decided.object, () => current.parse());
    if (isNoOp(current, put, value)) return { type: 'unchanged', object: current };
    if (dryRun) return outcome(current, value, current.revision);
    const write = allocationWrite(node, record, decided.allocation);
    const result = await this.#store.transact({
      compares: [...compareObject(kind, current), write.compare, ...compareObject(names.Node, host)],
      operations: [await this.#put(kind, current.key, value), ...(write.operation ? [write.operation] : [])],
    });
    if (!result.succeeded) return undefined;
    this.#allocations.wrote(node, write.operation, result.revision);
    return outcome(current, value, result.revision);
  }

  /** A change that gives back what is set aside, in the same transaction. All tasks of a node share its record, so they take turns. */
  #transactWithAllocation(
    transaction: Transaction,
    { node, edit }: AllocationEdit,
  ): Promise<TransactionResult> {
    return this.#allocations.take(node, async () => {
      let record: AllocationRecord | undefined = this.#allocations.get(node);
      for (let attempt = 1; ; attempt++) {
        const write = allocationWrite(node, record, edit(readAllocation(record)));
        const result = await this.#store.transact({
          compares: [...transaction.compares, write.compare],
          operations: [...transaction.operations, ...(write.operation ? [write.operation] : [])],
        });
        if (result.succeeded) this.#allocations.wrote(node, write.operation, result.revision);
        if (result.succeeded || attempt === maxAttempts) return result;
        const { current } = result;
        const isOutrun = transaction.compares.some(
          ({ modRevision }, at) => (current[at]?.modRevision ?? 0) !== modRevision,
        );
        if (isOutrun) return result;
        record = current[transaction.compares.length];
      }
    });
  }
}

function compareObject(kind: Parameters<typeof storeKey>[0], object: CachedObject | undefined): Compare[] {
  return object ? [{ key: storeKey(kind, object.key), modRevision: object.revision }] : [];
}

function outcome(current: CachedObject, value: Buffer | undefined, revision: number): Changed {
  return value
    ? { type: 'changed', object: new CachedObject(current.key, revision, withRevision(value, revision)) }
    : { type: 'removed', object: current.atRevision(revision) };
}

/** A write that says what is there already makes no revision. */
function isNoOp(current: CachedObject, change: Change | undefined, value: Buffer | undefined): boolean {
  if (change?.type !== 'put' || !value) return false;
  const wire = withRevision(value, current.revision);
  // Equal JSON has the same bytes, whatever the order of its keys; most changes show without parsing.
  if (wire.length !== current.bytes.length) return false;
  if (wire.equals(current.bytes)) return true;
  if (sumOf(wire) !== sumOf(current.bytes)) return false;
  return sameJson(current.parse(), JSON.parse(wire.toString()));
}

function sumOf(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at++) sum += bytes[at]!;
  return sum;
}

function alreadyExists(kind: AnyKind, name: string): ApiError {
  return new ApiError('AlreadyExists', `${qualified(kind)} ${JSON.stringify(name)} already exists`, {
    name,
    group: kind.group,
    kind: kind.plural,
  });
}
