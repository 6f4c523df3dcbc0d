/**
 * PUT and PATCH of an object or one of its parts: a proposed object, and what becomes of it. Both run the
 * same steps on the object as it is stored, and again when somebody else was faster.
 */
import { type EphemeralContainer, ephemeralChangeCauses } from '../../kinds/task-ephemeral.ts';
import { ApiError } from '../../meta/api-error.ts';
import type { AnyObject } from '../../meta/object-meta.ts';
import { admit } from '../admission.ts';
import { objectAnswer } from '../answer.ts';
import { refuseForce } from '../apply/field-manager.ts';
import { type TrackedUpdate, trackUpdate } from '../apply/tracking.ts';
import type { CachedObject } from '../cached-object.ts';
import type { Call } from '../call.ts';
import { decodeJson } from '../decode-body.ts';
import { invalidError } from '../field-errors.ts';
import {
  carryServerFields,
  checkPreconditions,
  countGeneration,
  deletionCauses,
  isDoneDeleting,
  withStatusOf,
} from '../object-lifecycle.ts';
import type { Change, Changed } from '../object-store.ts';
import { checkFields, objectOf, validateObject, validateStatus } from '../object-validation.ts';
import { writeParameters } from '../parameters.ts';
import { applyPatch } from '../patch.ts';
import type { ApiResponse } from '../request.ts';
import { jsonBody } from './body.ts';
import { keyOfCall } from './target.ts';

/** Makes the proposed object out of a private copy of the stored one. */
export type Proposal = (stored: AnyObject) => AnyObject;

export async function updateObject(call: Call): Promise<ApiResponse> {
  const body = objectOf(call.served, jsonBody(call));
  checkNames(call, body);
  const { fieldValidation } = writeParameters(call.query);
  call.warnings.push(...checkFields(call.served, body, fieldValidation));
  const { object } = await changeObject(call, () => body);
  return objectAnswer(call, object);
}

export async function patchObject(call: Call): Promise<ApiResponse> {
  const { served, request, query } = call;
  refuseForce(query);
  const patch = decodeJson(request.body);
  const { fieldValidation } = writeParameters(query);
  const { object } = await changeObject(call, (stored) => {
    const patched = objectOf(
      served,
      applyPatch(request.headers['content-type'] ?? '', patch, stored, served.kind),
    );
    checkNames(call, patched);
    call.warnings = checkFields(served, patched, fieldValidation);
    return patched;
  });
  return objectAnswer(call, object);
}

/** Says who owns which fields of the object that will be stored. */
export type Track = (call: Call, update: TrackedUpdate) => void;

/** Throws ApiError NotFound, Conflict, Invalid or Forbidden. */
export function changeObject(call: Call, propose: Proposal, track: Track = trackUpdate): Promise<Changed> {
  const { backend, served, query } = call;
  const { dryRun } = writeParameters(query);
  return backend.objects.change(
    served.kind,
    keyOfCall(call),
    (current) => decideChange(call, current, { propose, track }),
    { dryRun },
  );
}

function decideChange(
  call: Call,
  current: CachedObject,
  { propose, track }: { propose: Proposal; track: Track },
): Change {
  const { served, path } = call;
  const old = current.parse();
  const proposed = propose(draftOf(old));
  const { uid, resourceVersion } = proposed.metadata;
  checkPreconditions(served.kind, old, { uid, resourceVersion });
  const nextOf = nextByPart[path.subresource ?? ''] ?? nextObject;
  const next = nextOf(call, proposed, old);
  if (isDoneDeleting(next)) return { type: 'remove' };
  track(call, { old, next, given: proposed.metadata.managedFields });
  return { type: 'put', object: next };
}

/** A copy to write into. managedFields is often half of an object and never written into: it is shared. */
function draftOf(stored: AnyObject): AnyObject {
  const { metadata, ...rest } = stored;
  const { managedFields, ...ownMetadata } = metadata;
  const draft = copyOf({ ...rest, metadata: ownMetadata }) as AnyObject;
  if (managedFields) draft.metadata.managedFields = managedFields;
  return draft;
}

/** A copy of a JSON value; for small objects several times faster than structuredClone. */
function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOf);
  if (typeof value !== 'object' || value === null) return value;
  const copy: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) copy[name] = copyOf(member);
  return copy;
}

function nextObject(call: Call, proposed: AnyObject, old: AnyObject): AnyObject {
  const { kind } = call.served;
  const next = carryServerFields(kind, proposed, old);
  validateObject(call.served, next, old);
  const causes = deletionCauses(next, old);
  if (causes.length > 0) throw invalidError(kind, old.metadata.name, causes);
  admit(call, next, old);
  countGeneration(kind, next, old);
  return next;
}

/** What a subresource writes of its object. */
const nextByPart: Readonly<Record<string, typeof nextObject>> = {
  status: nextStatus,
  ephemeralcontainers: nextEphemeral,
};

function nextEphemeral(call: Call, proposed: AnyObject, old: AnyObject): AnyObject {
  const { kind } = call.served;
  const added = (proposed.spec as EphemeralSpec | undefined)?.ephemeralContainers;
  const { ephemeralContainers, ...spec } = (old.spec ?? {}) as EphemeralSpec;
  const next: AnyObject = {
    ...old,
    metadata: { ...old.metadata },
    spec: { ...spec, ...(added ? { ephemeralContainers: added } : {}) },
  };
  validateObject(call.served, next);
  const causes = ephemeralChangeCauses(added, ephemeralContainers);
  if (causes.length > 0) throw invalidError(kind, old.metadata.name, causes);
  admit(call, next, old);
  countGeneration(kind, next, old);
  return next;
}

interface EphemeralSpec {
  ephemeralContainers?: EphemeralContainer[];
}

function nextStatus(call: Call, proposed: AnyObject, old: AnyObject): AnyObject {
  const next = withStatusOf(proposed, old);
  validateStatus(call.served, next, old);
  admit(call, next, old);
  return next;
}

/** What an object is called cannot be changed by writing it. */
export function checkNames({ path }: Call, { metadata }: AnyObject): void {
  if (metadata.name !== undefined && metadata.name !== '' && metadata.name !== path.name) {
    throw new ApiError(
      'BadRequest',
      `the name of the object (${String(metadata.name).slice(0, 253)}) does not match the name on the URL (${path.name})`,
    );
  }
  if (metadata.namespace !== undefined && metadata.namespace !== '' && metadata.namespace !== path.namespace)
    throw new ApiError('BadRequest', 'the namespace of the object does not match the namespace on the URL');
}
