/**
 * PATCH with an apply configuration: server-side apply of an object, its status or its scale. What it decides is in
 * ../apply; everything else (defaults, validation, admission, the transaction) is that of any other write.
 */
import { ApiError, hasReason } from '../../meta/api-error.ts';
import { type AnyObject, timestamp } from '../../meta/object-meta.ts';
import { objectAnswer } from '../answer.ts';
import { decideApply, mergeInto, settleOwners } from '../apply/apply.ts';
import { configurationOf } from '../apply/configuration.ts';
import { changedFields, fieldsOf, fieldsWithin } from '../apply/extract.ts';
import { applyManager, isForced } from '../apply/field-manager.ts';
import { type FieldSet, inOrder } from '../apply/field-set.ts';
import type { Ownership } from '../apply/managed-fields.ts';
import { appliedView, wholeView } from '../apply/tracked-view.ts';
import { setOwnerships } from '../apply/tracking.ts';
import { requireAuthorized } from '../authorize.ts';
import type { Call } from '../call.ts';
import { invalidError } from '../field-errors.ts';
import { isJsonObject } from '../json-schema.ts';
import { checkPreconditions, conflict } from '../object-lifecycle.ts';
import type { Changed } from '../object-store.ts';
import { checkFields, objectOf } from '../object-validation.ts';
import { writeParameters } from '../parameters.ts';
import { patchTypes } from '../patch.ts';
import type { ApiResponse } from '../request.ts';
import { applyBody } from './body.ts';
import { createDraft } from './create.ts';
import { readScale, scaleAnswer } from './scale.ts';
import type { VerbFunction } from './table.ts';
import { changeObject, checkNames } from './update.ts';

/** One path, two ways to patch: the media type says which. */
export function applyOr(apply: VerbFunction, patch: VerbFunction): VerbFunction {
  return (call) => (isApply(call) ? apply(call) : patch(call));
}

function isApply({ request }: Call): boolean {
  return request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() === patchTypes.apply;
}

/** So often the object may come and go while it is applied. */
const maxAttempts = 4;

export async function applyObject(call: Call): Promise<ApiResponse> {
  // Fails before the body is looked at.
  applyManager(call);
  const configuration = await readConfiguration(call);
  for (let attempt = 1; ; attempt++) {
    try {
      return objectAnswer(call, (await applyTo(call, configuration)).object);
    } catch (error) {
      if (!hasReason(error, 'NotFound') || call.path.subresource !== undefined) throw error;
    }
    try {
      return await createApplied(call, configuration);
    } catch (error) {
      if (!hasReason(error, 'AlreadyExists') || attempt === maxAttempts) throw error;
    }
  }
}

async function readConfiguration(call: Call): Promise<AnyObject> {
  const { served, query, path } = call;
  const body = await applyBody(call);
  if (isJsonObject(body) && (body['apiVersion'] === undefined || body['kind'] === undefined))
    throw new ApiError('BadRequest', 'the configuration to apply must have apiVersion and kind');
  const object = objectOf(served, body);
  checkNames(call, object);
  object.metadata.name = path.name!;
  if (path.namespace !== undefined) object.metadata.namespace = path.namespace;
  call.warnings.push(...checkFields(served, object, writeParameters(query).fieldValidation));
  return configurationOf(served, object);
}

function applyTo(call: Call, configuration: AnyObject): Promise<Changed> {
  const { kind, schema } = call.served;
  const view = appliedView(kind, configuration, call.path.subresource);
  return changeApplied(call, (live) => {
    checkPreconditions(kind, live, configuration.metadata);
    return { merged: mergeInto(schema.json, live, view), fields: fieldsOf(schema.json, view) };
  });
}

type Merge = (live: AnyObject) => { merged: AnyObject; fields: FieldSet };

function changeApplied(call: Call, mergeWith: Merge): Promise<Changed> {
  const { json } = call.served.schema;
  const manager = applyManager(call);
  const force = isForced(call.query);
  const time = timestamp(call.backend.clock.now());
  let owners: Ownership[] = [];
  return changeObject(
    call,
    (live) => {
      const applied = decideApply(json, live, { ...mergeWith(live), manager, force, time });
      owners = applied.owners;
      return applied.object;
    },
    (_call, { old, next }) => setOwnerships(next, settleOwners(json, { owners, old, next }, time)),
  );
}

/** An apply of what does not exist is a create, and needs the right to create. */
function createApplied(call: Call, configuration: AnyObject): Promise<ApiResponse> {
  const { served, user, path, backend } = call;
  const { group, resource, namespace, name = '' } = path;
  const { uid, resourceVersion } = configuration.metadata;
  if (uid || resourceVersion) {
    const wanted = uid ? `uid ${uid}` : `resourceVersion ${resourceVersion}`;
    throw conflict(
      served.kind,
      name,
      `the provided object specified ${wanted}, and no existing object was found`,
    );
  }
  requireAuthorized({
    user,
    verb: 'create',
    group,
    resource,
    name,
    ...(namespace === undefined ? {} : { namespace }),
  });
  const { json } = served.schema;
  const fields = inOrder(fieldsOf(json, appliedView(served.kind, configuration, undefined)));
  const time = timestamp(backend.clock.now());
  const manager = applyManager(call);
  return createDraft({ ...call, verb: 'create' }, structuredClone(configuration), (_call, object) =>
    setOwnerships(object, [{ ...manager, time, fields: fieldsWithin(json, fields, wholeView(object)) }]),
  );
}

/** Of the whole object, a scale can own one field: the one its kind keeps the replicas in. */
export async function applyScale(call: Call): Promise<ApiResponse> {
  const { kind, schema } = call.served;
  const { replicas, preconditions } = readScale(call, await readScaleBody(call));
  const { object } = await changeApplied(call, (live) => {
    checkPreconditions(kind, live, preconditions);
    const { withReplicas } = kind.scale!;
    const merged = withReplicas(live, replicas);
    const other = withReplicas(live, replicas + 1);
    return { merged, fields: changedFields(schema.json, wholeView(other), wholeView(merged)) };
  });
  return scaleAnswer(call, object);
}

async function readScaleBody(call: Call): Promise<unknown> {
  applyManager(call);
  const body = await applyBody(call);
  const spec = isJsonObject(body) ? body['spec'] : undefined;
  if (isJsonObject(spec) && spec['replicas'] !== undefined) return body;
  throw invalidError(call.served.kind, call.path.name ?? '', [
    {
      field: 'spec.replicas',
      message: 'Required value: is what a scale applies',
      reason: 'FieldValueRequired',
    },
  ]);
}
