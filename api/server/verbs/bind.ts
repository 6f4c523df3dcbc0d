/** POST tasks/{name}/binding, and the bulk form POST /apis/gantry.dev/v1/bindings. */
import { names } from '../../kinds/names.ts';
import { ApiError, type Status } from '../../meta/api-error.ts';
import { type BindRequest, bindTasks } from '../bind.ts';
import type { Backend, Call } from '../call.ts';
import { isJsonObject } from '../json-schema.ts';
import { type ApiResponse, jsonResponse } from '../request.ts';
import { jsonBody } from './body.ts';

const maxBinds = 10_000;

export async function bindTask(call: Call): Promise<ApiResponse> {
  const { path, backend } = call;
  const body = jsonBody(call);
  const metadata = fieldsOf(isJsonObject(body) ? body['metadata'] : undefined);
  const target = fieldsOf(isJsonObject(body) ? body['target'] : undefined);
  if (metadata['name'] !== undefined && metadata['name'] !== path.name)
    throw new ApiError('BadRequest', 'the name of the binding does not match the name on the URL');
  const request = bindRequestOf({ ...path, uid: metadata['uid'], node: target['name'] }, 'target.name');
  const [failure] = await bindTasks(backend, [request]);
  if (failure) throw failure;
  return jsonResponse(201, success(request));
}

/** Results in the order of the items; each item succeeds or fails by itself. */
export async function bindMany(backend: Backend, body: unknown): Promise<ApiResponse> {
  const items = isJsonObject(body) ? body['items'] : undefined;
  if (!Array.isArray(items)) throw new ApiError('BadRequest', 'the body must be a BindingList with items');
  if (items.length > maxBinds) throw new ApiError('BadRequest', `at most ${maxBinds} bindings at once`);
  const requests = items.map((item, index) => bindRequestOf(fieldsOf(item), `items[${index}].node`));
  const outcomes = await bindTasks(backend, requests);
  return jsonResponse(200, {
    kind: 'BindingResultList',
    apiVersion: 'gantry.dev/v1',
    items: outcomes.map((failure) => (failure ? { status: failure.toStatus() } : {})),
  });
}

function bindRequestOf(
  { namespace, name, uid, node }: Record<string, unknown>,
  nodeField: string,
): BindRequest {
  if (typeof node !== 'string' || node === '')
    throw new ApiError('BadRequest', `${nodeField}: Required value: the name of a node`);
  if (typeof namespace !== 'string' || typeof name !== 'string')
    throw new ApiError('BadRequest', 'a binding needs the namespace and the name of a task');
  return { namespace, name, node, ...(typeof uid === 'string' && uid !== '' ? { uid } : {}) };
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return isJsonObject(value) ? value : {};
}

function success({ name, uid }: BindRequest): Status {
  const details = {
    name,
    group: names.Task.group,
    kind: names.Task.plural,
    ...(uid === undefined ? {} : { uid }),
  };
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details, code: 201 };
}
