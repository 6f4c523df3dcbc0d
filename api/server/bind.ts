/**
 * Binding tasks to nodes. One transaction per node compares the tasks, the node and the node's allocation
 * record, and writes the tasks and the record: with any number of schedulers and servers, what is bound to
 * a node never exceeds what it has, at any revision (contract R6). Fixes the race that Nomad's plan check
 * leaves open.
 */
import { names } from '../kinds/names.ts';
import type { Node } from '../kinds/node.ts';
import type { Task } from '../kinds/task.ts';
import { isTerminal } from '../kinds/task-phase.ts';
import { type ApiError, asApiError } from '../meta/api-error.ts';
import { withCondition } from '../meta/conditions.ts';
import type { AnyObject } from '../meta/object-meta.ts';
import { type ResourceAmounts, resourceAmounts } from '../meta/quantity.ts';
import type { KeyValue, Operation, TransactionResult } from '../store/store.ts';
import {
  type Allocation,
  type AllocationRecord,
  allocationWrite,
  misfit,
  readAllocation,
  sumOf,
  taskAllocation,
} from './allocation.ts';
import { withAllottedPorts } from './allotted-ports.ts';
import { CachedObject } from './cached-object.ts';
import type { Backend } from './call.ts';
import { mapConcurrently } from './concurrency.ts';
import { allocationKey, storeKey } from './keys.ts';
import { encodeObject } from './object-bytes.ts';
import { conflict, notFound } from './object-lifecycle.ts';

export interface BindRequest {
  namespace: string;
  name: string;
  /** Must still be the task's, when given. */
  uid?: string;
  node: string;
}

/** Undefined: bound. */
export type BindOutcome = ApiError | undefined;

type BindBackend = Pick<Backend, 'writes' | 'cache' | 'allocations' | 'clock'>;

/** etcd takes 128 operations in a transaction; each task is one compare and one put. */
const tasksPerTransaction = 60;
const nodesAtOnce = 32;
const maxAttempts = 16;

/** Each bind succeeds or fails by itself; outcomes in the order of the requests. */
export async function bindTasks(
  backend: BindBackend,
  requests: readonly BindRequest[],
): Promise<BindOutcome[]> {
  const outcomes = new Map<BindRequest, BindOutcome>();
  const byNode = new Map<string, BindRequest[]>();
  for (const request of requests) {
    const list = byNode.get(request.node) ?? [];
    list.push(request);
    byNode.set(request.node, list);
  }
  await mapConcurrently([...byNode], nodesAtOnce, async ([node, list]) => {
    for (let at = 0; at < list.length; at += tasksPerTransaction) {
      const binds = list.slice(at, at + tasksPerTransaction);
      await backend.allocations.take(node, () => new NodeBinder(backend, node, binds).run(outcomes));
    }
  });
  return requests.map((request) => outcomes.get(request));
}

interface Accepted {
  request: BindRequest;
  task: CachedObject;
  value: Buffer;
}

/** The binds of one transaction, from the first look at the cache to their outcomes. */
class NodeBinder {
  readonly #backend: BindBackend;
  readonly #nodeName: string;
  #open: readonly BindRequest[];
  #node: CachedObject | undefined;
  #record: AllocationRecord | undefined;
  readonly #tasks = new Map<string, CachedObject | undefined>();
  /** Whether everything above was read from the store: only then a refusal is final. */
  #fresh = false;

  constructor(backend: BindBackend, nodeName: string, requests: readonly BindRequest[]) {
    this.#backend = backend;
    this.#nodeName = nodeName;
    this.#open = requests;
    const { cache, allocations } = backend;
    this.#node = cache.kind(names.Node).get(nodeName);
    this.#record = allocations.get(nodeName);
    for (const request of requests)
      this.#tasks.set(keyOf(request), cache.kind(names.Task).get(keyOf(request)));
  }

  async run(outcomes: Map<BindRequest, BindOutcome>): Promise<void> {
    try {
      for (let attempt = 0; attempt < maxAttempts && this.#open.length > 0; attempt++)
        await this.#attempt(outcomes);
      for (const request of this.#open)
        outcomes.set(
          request,
          conflict(names.Task, request.name, 'the node or the task keeps changing; please try again'),
        );
    } catch (error) {
      for (const request of this.#open) outcomes.set(request, asApiError(error));
    }
  }

  async #attempt(outcomes: Map<BindRequest, BindOutcome>): Promise<void> {
    const { accepted, refused, allocation } = this.#decide();
    if (accepted.length > 0) {
      const result = await this.#commit(accepted, allocation);
      if (!result.succeeded) return this.#learn(accepted, result.current);
      for (const { request } of accepted) outcomes.set(request, undefined);
      this.#open = [...refused.keys()];
    }
    if (refused.size === 0) return;
    if (!this.#fresh) return this.#refetch();
    for (const [request, error] of refused) outcomes.set(request, error);
    this.#open = [];
  }

  #decide(): { accepted: Accepted[]; refused: Map<BindRequest, ApiError>; allocation: Allocation } {
    const refused = new Map<BindRequest, ApiError>();
    const accepted: Accepted[] = [];
    const allocation = readAllocation(this.#record);
    const allocatable = allocatableOf(this.#node);
    const used = sumOf(allocation);
    for (const request of this.#open) {
      const key = keyOf(request);
      const object = this.#tasks.get(key);
      const task = object && (object.parse() as unknown as Task);
      const refusal = allocatable
        ? taskRefusal(request, task, allocation)
        : notFound(names.Node, this.#nodeName);
      if (refusal || !object || !task || !allocatable) {
        refused.set(request, refusal ?? notFound(names.Task, request.name));
        continue;
      }
      const placed = withAllottedPorts(task, allocation);
      const wanted = taskAllocation(placed ?? task);
      const problem = placed
        ? misfit({ allocation, used, allocatable }, wanted)
        : 'all ports that are allotted are taken';
      if (!placed || problem !== undefined) {
        refused.set(
          request,
          conflict(names.Task, request.name, `it does not fit on node ${this.#nodeName}: ${problem}`),
        );
        continue;
      }
      allocation.tasks[key] = wanted;
      for (const [name, amount] of Object.entries(wanted.requests)) used[name] = (used[name] ?? 0) + amount;
      const bound = boundTask(placed, this.#nodeName, this.#backend.clock.now());
      accepted.push({ request, task: object, value: encodeObject(names.Task, bound) });
    }
    return { accepted, refused, allocation };
  }

  async #commit(accepted: readonly Accepted[], allocation: Allocation): Promise<TransactionResult> {
    const { compare, operation } = allocationWrite(this.#nodeName, this.#record, allocation);
    const node = { key: storeKey(names.Node, this.#nodeName), modRevision: this.#node?.revision ?? 0 };
    const tasks = accepted.map(({ task }) => ({
      key: storeKey(names.Task, task.key),
      modRevision: task.revision,
    }));
    const puts = accepted.map(
      ({ task, value }): Operation => ({ type: 'put', key: storeKey(names.Task, task.key), value }),
    );
    const result = await this.#backend.writes.transact({
      compares: [compare, node, ...tasks],
      operations: operation ? [operation, ...puts] : puts,
    });
    if (result.succeeded) this.#backend.allocations.wrote(this.#nodeName, operation, result.revision);
    return result;
  }

  /** A lost race tells what is there now. */
  #learn(accepted: readonly Accepted[], [record, node, ...tasks]: (KeyValue | undefined)[]): void {
    this.#record = record;
    this.#node = node && CachedObject.fromStore(this.#nodeName, node);
    for (const [index, { task }] of accepted.entries()) {
      const kv = tasks[index];
      this.#tasks.set(task.key, kv && CachedObject.fromStore(task.key, kv));
    }
    // The tasks that were refused on cached state are read when their turn comes.
    this.#fresh = accepted.length === this.#open.length;
  }

  async #refetch(): Promise<void> {
    const { writes: store } = this.#backend;
    const [record, node] = await Promise.all([
      store.get(allocationKey(this.#nodeName)),
      store.get(storeKey(names.Node, this.#nodeName)),
    ]);
    this.#record = record.kv;
    this.#node = node.kv && CachedObject.fromStore(this.#nodeName, node.kv);
    await Promise.all(
      this.#open.map(async (request) => {
        const key = keyOf(request);
        const { kv } = await store.get(storeKey(names.Task, key));
        this.#tasks.set(key, kv && CachedObject.fromStore(key, kv));
      }),
    );
    this.#fresh = true;
  }
}

function keyOf({ namespace, name }: BindRequest): string {
  return `${namespace}/${name}`;
}

function allocatableOf(node: CachedObject | undefined): ResourceAmounts | undefined {
  return node && resourceAmounts((node.parse() as unknown as Node).status.allocatable);
}

function taskRefusal(
  { name, uid, node }: BindRequest,
  task: Task | undefined,
  { tasks }: Allocation,
): ApiError | undefined {
  if (!task) return notFound(names.Task, name);
  const { metadata, spec, status } = task;
  if (uid !== undefined && uid !== metadata.uid)
    return conflict(
      names.Task,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`,
    );
  if (metadata.deletionTimestamp !== undefined) return conflict(names.Task, name, 'it is being deleted');
  if (spec.nodeName !== undefined)
    return conflict(names.Task, name, `it is already bound to node ${spec.nodeName}`);
  if (isTerminal(status.phase)) return conflict(names.Task, name, `it is over (${status.phase})`);
  if (Object.hasOwn(tasks, `${metadata.namespace}/${name}`))
    return conflict(names.Task, name, `node ${node} still holds what an earlier task of that name took`);
  return undefined;
}

function boundTask(task: Task, nodeName: string, nowMs: number): AnyObject {
  const { pending: _pending, ...status } = task.status;
  const conditions = withCondition(status.conditions, { type: 'Scheduled', status: 'True' }, nowMs);
  return {
    ...task,
    spec: { ...task.spec, nodeName },
    status: { ...status, conditions },
  } as unknown as AnyObject;
}
