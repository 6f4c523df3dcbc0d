/**
 * The evicting half of plans: tasks are told to end, with the reason in their status and their grace period,
 * and the tasks they make room for are nominated for their nodes, all at one revision or not at all. Disruption
 * budgets are kept, but for evictions that say they override them. Nothing that is set aside on a node changes here:
 * room comes when the agents have stopped the tasks (contract R8).
 */
import { names } from '../kinds/names.ts';
import type { Task } from '../kinds/task.ts';
import { isTerminal } from '../kinds/task-phase.ts';
import { withCondition } from '../meta/conditions.ts';
import type { AnyObject } from '../meta/object-meta.ts';
import { timestamp } from '../meta/object-meta.ts';
import type { Operation } from '../store/store.ts';
import type { BindBackend, BindRequest } from './bind-transaction.ts';
import { CachedObject } from './cached-object.ts';
import type { Guard, GuardedWrite } from './disruption-guard.ts';
import { storeKey } from './keys.ts';
import { encodeObject } from './object-bytes.ts';
import { checkPreconditions, conflict, notFound } from './object-lifecycle.ts';

export interface EvictionRequest {
  namespace: string;
  name: string;
  /** Must still be the task's, when given. */
  uid?: string;
  /** One CamelCase word, and the same for people. */
  reason: string;
  message: string;
  /** It goes although its disruption budget cannot spare it. */
  overridesBudget: boolean;
}

interface Requests {
  binds: readonly BindRequest[];
  evictions: readonly EvictionRequest[];
}

interface Write {
  object: CachedObject;
  next: Task;
}

type TaskReader = (key: string) => CachedObject | undefined;

const maxAttempts = 16;

/**
 * Throws ApiError NotFound or Conflict when a task cannot be nominated, TooManyRequests when a budget cannot spare
 * one. A task to evict that is gone, over, or ending already is as good as evicted.
 */
export function evictAndNominate(backend: BindBackend, requests: Requests): Promise<void> {
  const disruptions = requests.evictions.map((eviction) => ({
    key: keyOf(eviction),
    overrides: eviction.overridesBudget,
  }));
  return backend.disruptions.keep(disruptions, (guard) => actWithin(guard, backend, requests));
}

async function actWithin(guard: Guard, backend: BindBackend, requests: Requests): Promise<void> {
  const { cache, clock } = backend;
  const keys = [...requests.binds, ...requests.evictions].map(keyOf);
  let read: TaskReader = (key) => cache.kind(names.Task).get(key);
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const writes =
      attempt === 0 ? triedOn(requests, read, clock.now()) : writesOf(requests, read, clock.now());
    if (writes && (await commit(backend, writes, await guard()))) return;
    read = await fetched(backend, keys);
  }
  throw conflict(names.Task, requests.binds[0]?.name ?? '', 'the tasks keep changing; please try again');
}

/** On what the cache has an error proves nothing, and neither does a missing task. */
function triedOn(requests: Requests, read: TaskReader, nowMs: number): Write[] | undefined {
  try {
    return requests.evictions.every((eviction) => read(keyOf(eviction)))
      ? writesOf(requests, read, nowMs)
      : undefined;
  } catch {
    return undefined;
  }
}

function writesOf({ binds, evictions }: Requests, read: TaskReader, nowMs: number): Write[] {
  const nominations = binds.map((bind): Write => {
    const object = read(keyOf(bind));
    if (!object) throw notFound(names.Task, bind.name);
    return { object, next: nominated(object.parse() as unknown as Task, bind) };
  });
  const endings = evictions.flatMap((eviction): Write[] => {
    const object = read(keyOf(eviction));
    const next = object && evicted(object.parse() as unknown as Task, eviction, nowMs);
    return next ? [{ object, next }] : [];
  });
  return [...nominations, ...endings];
}

async function commit(
  { writes: store }: BindBackend,
  writes: readonly Write[],
  guarded: GuardedWrite,
): Promise<boolean> {
  const key = ({ object }: Write): string => storeKey(names.Task, object.key);
  const compares = writes.map((write) => ({ key: key(write), modRevision: write.object.revision }));
  const puts = writes.map(
    (write): Operation => ({
      type: 'put',
      key: key(write),
      value: encodeObject(names.Task, write.next as unknown as AnyObject),
    }),
  );
  const result = await store.transact({
    compares: [...compares, ...guarded.compares],
    operations: [...puts, ...guarded.operations],
  });
  return result.succeeded;
}

async function fetched({ writes: store }: BindBackend, keys: readonly string[]): Promise<TaskReader> {
  const tasks = new Map<string, CachedObject>();
  await Promise.all(
    keys.map(async (key) => {
      const { kv } = await store.get(storeKey(names.Task, key));
      if (kv) tasks.set(key, CachedObject.fromStore(key, kv));
    }),
  );
  return (key) => tasks.get(key);
}

/** The task with the node it waits for. */
function nominated(task: Task, { name, uid, node }: BindRequest): Task {
  checkPreconditions(names.Task, task as unknown as AnyObject, { uid });
  const { metadata, spec, status } = task;
  if (metadata.deletionTimestamp !== undefined) throw conflict(names.Task, name, 'it is being deleted');
  if (spec.nodeName !== undefined)
    throw conflict(names.Task, name, `it is already bound to node ${spec.nodeName}`);
  if (isTerminal(status.phase)) throw conflict(names.Task, name, `it is over (${status.phase})`);
  return { ...task, status: { ...status, nominatedNodeName: node } };
}

/**
 * The task told to end; undefined when there is nothing to tell. It gets a second at least, so that it is
 * its agent, not the server, that says when it has ended.
 */
function evicted(task: Task, { uid, reason, message }: EvictionRequest, nowMs: number): Task | undefined {
  const { metadata, spec, status } = task;
  if ((uid !== undefined && uid !== metadata.uid) || isTerminal(status.phase)) return undefined;
  if (metadata.deletionTimestamp !== undefined || spec.nodeName === undefined) return undefined;
  const graceSeconds = Math.max(1, spec.terminationGracePeriodSeconds);
  const condition = { type: 'DisruptionTarget', status: 'True', reason, message } as const;
  return {
    ...task,
    metadata: {
      ...metadata,
      generation: (metadata.generation ?? 1) + 1,
      deletionTimestamp: timestamp(nowMs + graceSeconds * 1000),
      deletionGracePeriodSeconds: graceSeconds,
    },
    status: { ...status, reason, message, conditions: withCondition(status.conditions, condition, nowMs) },
  };
}

function keyOf({ namespace, name }: { namespace: string; name: string }): string {
  return `${namespace}/${name}`;
}
