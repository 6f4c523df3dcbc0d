/**
 * One transaction of a plan: tasks bound to one node, or, all or nothing, to many. It compares the tasks, the
 * nodes and the nodes' allocation records, and writes the tasks and the records: with any number of schedulers
 * and servers, what is bound to a node never exceeds what it has, at any revision (contract R6). Conflicts
 * are per node; there is no lock over the cell (Omega, EuroSys'13 section 3.4). Fixes the race that Nomad's
 * plan check leaves open.
 */
import { allocatableOf } from '../kinds/devices.ts';
import { names } from '../kinds/names.ts';
import type { Node } from '../kinds/node.ts';
import type { Task } from '../kinds/task.ts';
import { isTerminal } from '../kinds/task-phase.ts';
import { ApiError, asApiError } from '../meta/api-error.ts';
import { withCondition } from '../meta/conditions.ts';
import type { AnyObject } from '../meta/object-meta.ts';
import type { KeyValue, Operation, TransactionResult } from '../store/store.ts';
import {
  type Allocation,
  type AllocationRecord,
  allocationWrite,
  diskResource,
  misfit,
  type NodeSpace,
  readAllocation,
  sumOf,
  type TaskAllocation,
  taskAllocation,
  withDevices,
} from './allocation.ts';
import { withAllottedPorts } from './allotted-ports.ts';
import { ClaimPlan, ClaimSights, type TaskClaims } from './bind-claims.ts';
import { CachedObject } from './cached-object.ts';
import type { Backend } from './call.ts';
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

export type BindBackend = Pick<
  Backend,
  'writes' | 'cache' | 'allocations' | 'disruptions' | 'clock' | 'random'
>;

export interface BindRules {
  /** None is bound unless all are. */
  atomic: boolean;
  /** Refuses nodes whose allocation was changed after this revision, whether or not the tasks would fit. */
  revision: number | undefined;
}

const maxAttempts = 16;

interface Accepted {
  request: BindRequest;
  task: CachedObject;
  value: Buffer;
}

/** A node as it was last seen: in the cache, or in the store. */
interface SeenNode {
  node: CachedObject | undefined;
  record: AllocationRecord | undefined;
}

interface Verdict {
  accepted: Accepted[];
  refused: Map<BindRequest, ApiError>;
  /** Of the nodes that get a task: what is set aside on them from now on. */
  allocations: Map<string, Allocation>;
  claims: ClaimPlan;
}

/** From the first look at the cache to the outcomes. */
export class BindTransaction {
  readonly #backend: BindBackend;
  readonly #rules: BindRules;
  #open: readonly BindRequest[];
  readonly #nodes = new Map<string, SeenNode>();
  readonly #tasks = new Map<string, CachedObject | undefined>();
  readonly #claims: ClaimSights;
  /** Whether everything above was read from the store: only then a refusal is final. */
  #fresh = false;

  constructor(backend: BindBackend, requests: readonly BindRequest[], rules: BindRules) {
    this.#backend = backend;
    this.#claims = new ClaimSights(backend);
    this.#rules = rules;
    this.#open = requests;
    const { cache, allocations } = backend;
    for (const request of requests) {
      const { node } = request;
      if (!this.#nodes.has(node))
        this.#nodes.set(node, { node: cache.kind(names.Node).get(node), record: allocations.get(node) });
      this.#tasks.set(keyOf(request), cache.kind(names.Task).get(keyOf(request)));
    }
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
    const verdict = this.#decide();
    const { accepted, refused } = verdict;
    if (accepted.length > 0 && !(this.#rules.atomic && refused.size > 0)) {
      const result = await this.#commit(verdict);
      if (!result.succeeded) return await this.#learn(verdict, result.current);
      for (const { request } of accepted) outcomes.set(request, undefined);
      this.#open = [...refused.keys()];
    }
    if (refused.size === 0) return;
    if (!this.#fresh) return this.#refetch();
    for (const request of this.#open)
      outcomes.set(request, refused.get(request) ?? thrownAway(request, refused));
    this.#open = [];
  }

  #decide(): Verdict {
    const claims = new ClaimPlan(this.#claims);
    const verdict: Verdict = { accepted: [], refused: new Map(), allocations: new Map(), claims };
    const spaces = new Map<string, NodeSpace>();
    for (const request of this.#open) {
      const seen = this.#nodes.get(request.node);
      const space = seen && (spaces.get(request.node) ?? this.#spaceOf(request.node, seen));
      if (space instanceof ApiError || !space) {
        verdict.refused.set(request, space ?? notFound(names.Node, request.node));
        continue;
      }
      spaces.set(request.node, space);
      this.#decideOne(request, space, verdict);
    }
    return verdict;
  }

  #decideOne(request: BindRequest, space: NodeSpace, verdict: Verdict): void {
    const { accepted, refused, allocations } = verdict;
    const key = keyOf(request);
    const object = this.#tasks.get(key);
    const task = object && (object.parse() as unknown as Task);
    const refusal = taskRefusal(request, task, space.allocation);
    if (refusal || !object || !task) {
      refused.set(request, refusal ?? notFound(names.Task, request.name));
      return;
    }
    const fit = fitOf(task, request.node, { space, claims: verdict.claims });
    if (typeof fit === 'string') {
      const why = `it does not fit on node ${request.node}: ${fit}`;
      refused.set(request, conflict(names.Task, request.name, why));
      return;
    }
    const { placed, wanted, claimed } = fit;
    verdict.claims.take(claimed, space);
    space.allocation.tasks[key] = wanted;
    for (const [name, amount] of Object.entries(wanted.requests))
      space.used[name] = (space.used[name] ?? 0) + amount;
    allocations.set(request.node, space.allocation);
    const nowMs = this.#backend.clock.now();
    const bound = boundTask(placed, { node: request.node, wanted, claimPaths: claimed.paths, nowMs });
    accepted.push({ request, task: object, value: encodeObject(names.Task, bound) });
  }

  #spaceOf(name: string, { node, record }: SeenNode): NodeSpace | ApiError {
    const { revision } = this.#rules;
    if (!node) return notFound(names.Node, name);
    if (revision !== undefined && record && record.modRevision > revision)
      return conflict(
        names.Node,
        name,
        `what is bound to it changed at revision ${record.modRevision}, after ${revision}`,
      );
    const allocation = readAllocation(record);
    return { allocation, used: sumOf(allocation), ...node.fact(supplyOf) };
  }

  async #commit({ accepted, allocations, claims }: Verdict): Promise<TransactionResult> {
    const records = [...allocations].map(([name, allocation]) => ({
      name,
      ...allocationWrite(name, this.#nodes.get(name)?.record, allocation),
    }));
    const nodes = records.map(({ name }) => ({
      key: storeKey(names.Node, name),
      modRevision: this.#nodes.get(name)?.node?.revision ?? 0,
    }));
    const tasks = accepted.map(({ task }) => ({
      key: storeKey(names.Task, task.key),
      modRevision: task.revision,
    }));
    const puts = accepted.map(
      ({ task, value }): Operation => ({ type: 'put', key: storeKey(names.Task, task.key), value }),
    );
    const result = await this.#backend.writes.transact({
      compares: [...records.map(({ compare }) => compare), ...nodes, ...tasks, ...claims.compares],
      operations: [...records.flatMap(({ operation }) => operation ?? []), ...puts, ...claims.operations],
    });
    if (result.succeeded)
      for (const { name, operation } of records)
        this.#backend.allocations.wrote(name, operation, result.revision);
    return result;
  }

  /** A lost race tells what is there now. */
  async #learn({ accepted, allocations, claims }: Verdict, current: (KeyValue | undefined)[]): Promise<void> {
    const count = allocations.size;
    for (const [index, name] of [...allocations.keys()].entries()) {
      const node = current[count + index];
      this.#nodes.set(name, { record: current[index], node: node && CachedObject.fromStore(name, node) });
    }
    for (const [index, { task }] of accepted.entries()) {
      const kv = current[2 * count + index];
      this.#tasks.set(task.key, kv && CachedObject.fromStore(task.key, kv));
    }
    await claims.learn(current.slice(2 * count + accepted.length));
    // The tasks that were refused on cached state are read when their turn comes.
    this.#fresh = accepted.length === this.#open.length;
  }

  async #refetch(): Promise<void> {
    const { writes: store } = this.#backend;
    const nodes = new Set(this.#open.map(({ node }) => node));
    await Promise.all([
      ...[...nodes].map(async (name) => {
        const [record, { kv: node }] = await Promise.all([
          store.get(allocationKey(name)),
          store.get(storeKey(names.Node, name)),
        ]);
        this.#nodes.set(name, { record: record.kv, node: node && CachedObject.fromStore(name, node) });
      }),
      ...this.#open.map(async (request) => {
        const key = keyOf(request);
        const { kv } = await store.get(storeKey(names.Task, key));
        this.#tasks.set(key, kv && CachedObject.fromStore(key, kv));
      }),
    ]);
    await this.#claims.fetch(this.#open.map((request) => this.#tasks.get(keyOf(request))));
    this.#fresh = true;
  }
}

function keyOf({ namespace, name }: BindRequest): string {
  return `${namespace}/${name}`;
}

/** Nothing speaks against this bind but that others of its plan were refused. */
function thrownAway({ name }: BindRequest, refused: ReadonlyMap<BindRequest, ApiError>): ApiError {
  const [first] = refused.values();
  return conflict(
    names.Task,
    name,
    `the plan is all or nothing, and ${refused.size} of its binds were refused: ${first?.message}`,
  );
}

function supplyOf(node: AnyObject): Pick<NodeSpace, 'allocatable' | 'devices' | 'volumeDirectory'> {
  const { status } = node as unknown as Node;
  const devices = (status.devices ?? []).map((device) => device.name);
  return { allocatable: allocatableOf(status), devices, volumeDirectory: status.volumeDirectory };
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

interface Fit {
  /** With ports in place of those it left open. */
  placed: Task;
  wanted: TaskAllocation;
  claimed: TaskClaims;
}

/** What the task gets on the node, or why it cannot be there. Changes nothing. */
function fitOf(
  task: Task,
  node: string,
  { space, claims }: { space: NodeSpace; claims: ClaimPlan },
): Fit | string {
  const placed = withAllottedPorts(task, space.allocation);
  if (!placed) return 'all ports that are allotted are taken';
  const claimed = claims.look(placed, node, space);
  if (typeof claimed === 'string') return claimed;
  const asked = taskAllocation(placed);
  const wanted = withDevices(space, claimed.keys.length > 0 ? { ...asked, claims: claimed.keys } : asked);
  const problem = misfit(space, withDisk(asked, claimed.bytes));
  return problem ?? (wanted ? { placed, wanted, claimed } : 'no device has so much free');
}

/** Volumes that are made for it need their space at once; they keep it when the task is gone. */
function withDisk(asked: TaskAllocation, bytes: number): TaskAllocation {
  if (bytes === 0) return asked;
  const { requests } = asked;
  return { ...asked, requests: { ...requests, [diskResource]: (requests[diskResource] ?? 0) + bytes } };
}

interface Place {
  node: string;
  wanted: TaskAllocation;
  claimPaths: Record<string, string>;
  nowMs: number;
}

function boundTask(task: Task, { node, wanted, claimPaths, nowMs }: Place): AnyObject {
  const { pending: _pending, nominatedNodeName: _nominated, ...status } = task.status;
  const conditions = withCondition(status.conditions, { type: 'Scheduled', status: 'True' }, nowMs);
  return {
    ...task,
    spec: {
      ...task.spec,
      nodeName: node,
      ...(wanted.devices ? { devices: wanted.devices } : {}),
      ...(wanted.claims ? { claimPaths } : {}),
    },
    status: { ...status, conditions },
  } as unknown as AnyObject;
}
