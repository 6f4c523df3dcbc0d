/**
 * PUT and PATCH tasks/{name}/resize: changes cpu and memory of a running task. The task and the allocation record
 * of its node are written in one transaction, so what is set aside never exceeds what the node has (contract R6);
 * what a shrinking task gives back is free when its agent has applied it (R8). Without a change it is a new try
 * to admit what was deferred.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Node } from '../../kinds/node.ts';
import type { Task } from '../../kinds/task.ts';
import { isTerminal } from '../../kinds/task-phase.ts';
import { taskRequests } from '../../kinds/task-request.ts';
import { resizeCauses, resizeInProgress, resizePending, withResources } from '../../kinds/task-resize.ts';
import { type NewCondition, withCondition } from '../../meta/conditions.ts';
import type { AnyObject } from '../../meta/object-meta.ts';
import { formatAmount, type ResourceAmounts, resourceAmounts } from '../../meta/quantity.ts';
import { admit } from '../admission.ts';
import { type Allocation, sumOf } from '../allocation.ts';
import { objectAnswer } from '../answer.ts';
import { trackUpdate } from '../apply/tracking.ts';
import type { CachedObject } from '../cached-object.ts';
import type { Call } from '../call.ts';
import { decodeJson } from '../decode-body.ts';
import { invalidError } from '../field-errors.ts';
import { checkPreconditions, conflict, countGeneration } from '../object-lifecycle.ts';
import type { AllocatedSpace } from '../object-store.ts';
import { checkFields, objectOf, validateObject } from '../object-validation.ts';
import { writeParameters } from '../parameters.ts';
import { applyPatch } from '../patch.ts';
import type { ApiResponse } from '../request.ts';
import { jsonBody } from './body.ts';
import { keyOfCall } from './target.ts';
import { checkNames } from './update.ts';

type Proposal = (stored: AnyObject) => AnyObject;

export async function updateResize(call: Call): Promise<ApiResponse> {
  const body = objectOf(call.served, jsonBody(call));
  return resize(call, () => body);
}

export async function patchResize(call: Call): Promise<ApiResponse> {
  const patch = decodeJson(call.request.body);
  const type = call.request.headers['content-type'] ?? '';
  const { kind } = call.served;
  return resize(call, (stored) => objectOf(call.served, applyPatch(type, patch, stored, kind)));
}

async function resize(call: Call, propose: Proposal): Promise<ApiResponse> {
  const { backend, served, query } = call;
  const { dryRun } = writeParameters(query);
  const { object } = await backend.objects.changeWithAllocation(
    served.kind,
    keyOfCall(call),
    (current, space) => decideResize(call, current, { propose, space }),
    { dryRun },
  );
  return objectAnswer(call, object);
}

function decideResize(
  call: Call,
  current: CachedObject,
  { propose, space }: { propose: Proposal; space: AllocatedSpace },
): { object: AnyObject; allocation: Allocation } {
  const { kind } = call.served;
  const old = current.parse();
  const proposed = propose(structuredClone(old));
  checkNames(call, proposed);
  call.warnings = checkFields(call.served, proposed, writeParameters(call.query).fieldValidation);
  const { uid, resourceVersion } = proposed.metadata;
  checkPreconditions(kind, old, { uid, resourceVersion });
  const before = asTask(old);
  if (before.metadata.deletionTimestamp !== undefined || isTerminal(before.status.phase))
    throw conflict(kind, before.metadata.name, 'it is over, or about to be');
  const next = asTask(structuredClone(old));
  next.spec = withResources(before.spec, asTask(proposed).spec);
  const causes = resizeCauses(next.spec, before.spec);
  if (causes.length > 0) throw invalidError(kind, before.metadata.name, causes);
  validateObject(call.served, asAny(next));
  admit(call, asAny(next), old);
  countGeneration(kind, asAny(next), old);
  const decided = reserve(call, next, { before, space, key: current.key });
  trackUpdate(call, { old, next: asAny(next), given: proposed.metadata.managedFields });
  return { object: asAny(next), allocation: decided };
}

/** Sets aside what the task wants beside what it has, if there is room; says on the task what came of it. */
function reserve(
  { backend }: Call,
  next: Task,
  { before, space, key }: { before: Task; space: AllocatedSpace; key: string },
): Allocation {
  const { allocation, node } = space;
  const held = allocation.tasks[key];
  if (!held || !node) return allocation;
  const wanted = taskRequests(next.spec);
  const allocatable = resourceAmounts((node.parse() as unknown as Node).status.allocatable);
  const nowMs = backend.clock.now();
  const problem = shortage(wanted, held.requests, { allocatable, used: sumOf(allocation) });
  const others = (next.status.conditions ?? []).filter(({ type }) => type !== resizePending);
  if (problem) {
    next.status.conditions = withCondition(before.status.conditions, problem, nowMs);
    return allocation;
  }
  const isChange = !isDeepStrictEqual(next.spec, before.spec);
  const wasPending = others.length !== (next.status.conditions ?? []).length;
  const inProgress: NewCondition = { type: resizeInProgress, status: 'True' };
  next.status.conditions = isChange || wasPending ? withCondition(others, inProgress, nowMs) : others;
  const requests = larger(wanted, held.requests);
  return { ...allocation, tasks: { ...allocation.tasks, [key]: { ...held, requests } } };
}

function shortage(
  wanted: ResourceAmounts,
  held: ResourceAmounts,
  { allocatable, used }: { allocatable: ResourceAmounts; used: ResourceAmounts },
): NewCondition | undefined {
  const pending = { type: resizePending, status: 'True' as const };
  for (const name of ['cpu', 'memory']) {
    const [want = 0, has = 0, total = 0] = [wanted[name], held[name], allocatable[name]];
    if (want <= has) continue;
    const wants = `the task wants ${name} ${formatAmount(name, want)}`;
    if (want > total)
      return {
        ...pending,
        reason: 'Infeasible',
        message: `${wants}, and its node has ${formatAmount(name, total)}`,
      };
    const free = Math.max(0, total - (used[name] ?? 0) + has);
    if (want > free)
      return {
        ...pending,
        reason: 'Deferred',
        message: `${wants}, and ${formatAmount(name, free)} of its node's ${formatAmount(name, total)} is free for it`,
      };
  }
  return undefined;
}

function larger(one: ResourceAmounts, other: ResourceAmounts): ResourceAmounts {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return Object.fromEntries([...names].map((name) => [name, Math.max(one[name] ?? 0, other[name] ?? 0)]));
}

/** Safe because the schema of the kind let the object in. */
const asTask = (object: AnyObject): Task => object as unknown as Task;
const asAny = (task: Task): AnyObject => task as unknown as AnyObject;
