/** POST /apis/gantry.dev/v1/plans, and POST tasks/{name}/binding, Kubernetes' form of a plan with one bind. */
import { names } from '../../kinds/names.ts';
import { ApiError, type Status } from '../../meta/api-error.ts';
import type { Backend, Call } from '../call.ts';
import { isJsonObject } from '../json-schema.ts';
import { commitPlan, type Plan, type PlannedBind } from '../plan.ts';
import type { EvictionRequest } from '../plan-evictions.ts';
import { type ApiResponse, jsonResponse } from '../request.ts';
import { jsonBody } from './body.ts';

type Fields = Record<string, unknown>;

const maxItems = 10_000;

export async function bindTask(call: Call): Promise<ApiResponse> {
  const { path, backend } = call;
  const body = jsonBody(call);
  const metadata = fieldsOf(isJsonObject(body) ? body['metadata'] : undefined);
  const target = fieldsOf(isJsonObject(body) ? body['target'] : undefined);
  if (metadata['name'] !== undefined && metadata['name'] !== path.name)
    throw new ApiError('BadRequest', 'the name of the binding does not match the name on the URL');
  const request = bindRequestOf({ ...path, uid: metadata['uid'], node: target['name'] }, 'target.name');
  const plan: Plan = { mode: 'Incremental', revision: undefined, binds: [request], evictions: [] };
  const [failure] = await commitPlan(backend, plan);
  if (failure) throw failure;
  return jsonResponse(201, success(request));
}

/** Results in the order of the binds. */
export async function postPlan(backend: Backend, body: unknown): Promise<ApiResponse> {
  const plan = planOf(fieldsOf(body));
  const outcomes = await commitPlan(backend, plan);
  backend.metrics.plan(plan.mode, outcomes);
  return jsonResponse(200, {
    kind: 'PlanResult',
    apiVersion: 'gantry.dev/v1',
    binds: outcomes.map((failure) => (failure ? { status: failure.toStatus() } : {})),
  });
}

function planOf(body: Fields): Plan {
  const { mode = 'Incremental', revision } = body;
  if (mode !== 'Incremental' && mode !== 'AllOrNothing')
    throw new ApiError(
      'BadRequest',
      'mode: Unsupported value: supported values: "AllOrNothing", "Incremental"',
    );
  const binds = itemsOf(body, 'binds').map((item, at) => bindRequestOf(item, `binds[${at}].node`));
  const evictions = itemsOf(body, 'evictions').map(evictionOf);
  if (evictions.length > 0 && mode !== 'AllOrNothing')
    throw new ApiError('BadRequest', 'mode: a plan with evictions of its own is AllOrNothing');
  return { mode, revision: revisionOf(revision), binds, evictions };
}

function revisionOf(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && /^[0-9]{1,15}$/.test(value)) return Number(value);
  throw new ApiError('BadRequest', 'revision: Invalid value: must be a resourceVersion');
}

function itemsOf(body: Fields, field: string): Fields[] {
  const items = body[field] ?? [];
  if (!Array.isArray(items)) throw new ApiError('BadRequest', `${field}: must be a list`);
  if (items.length > maxItems) throw new ApiError('BadRequest', `${field}: at most ${maxItems} at once`);
  return items.map(fieldsOf);
}

function evictionOf(item: Fields): EvictionRequest {
  const { reason = 'Evicted', message = '', overridesBudget = false } = item;
  if (typeof reason !== 'string' || typeof message !== 'string')
    throw new ApiError('BadRequest', 'the reason and the message of an eviction are text');
  if (typeof overridesBudget !== 'boolean')
    throw new ApiError('BadRequest', 'overridesBudget: must be true or false');
  return { ...taskOf(item), reason, message, overridesBudget };
}

function bindRequestOf(item: Fields, nodeField: string): PlannedBind {
  const { node } = item;
  if (typeof node !== 'string' || node === '')
    throw new ApiError('BadRequest', `${nodeField}: Required value: the name of a node`);
  return { ...taskOf(item), node, evictions: itemsOf(item, 'evictions').map(evictionOf) };
}

function taskOf({ namespace, name, uid }: Fields): { namespace: string; name: string; uid?: string } {
  if (typeof namespace !== 'string' || typeof name !== 'string')
    throw new ApiError('BadRequest', 'a bind or an eviction needs the namespace and the name of a task');
  return { namespace, name, ...(typeof uid === 'string' && uid !== '' ? { uid } : {}) };
}

function fieldsOf(value: unknown): Fields {
  return isJsonObject(value) ? value : {};
}

function success({ name, uid }: PlannedBind): Status {
  const details = {
    name,
    group: names.Task.group,
    kind: names.Task.plural,
    ...(uid === undefined ? {} : { uid }),
  };
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details, code: 201 };
}
