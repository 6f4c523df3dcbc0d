/** POST to a collection: body → decode → default → validate → admit → stored, in one transaction. */
import { ApiError, hasReason } from '../../meta/api-error.ts';
import { generatedName } from '../../meta/names.ts';
import type { AnyObject } from '../../meta/object-meta.ts';
import { admit } from '../admission.ts';
import { objectAnswer } from '../answer.ts';
import { trackCreate } from '../apply/tracking.ts';
import type { CachedObject } from '../cached-object.ts';
import type { Call } from '../call.ts';
import { isTakenClaim } from '../claims.ts';
import { stampObject, startObject } from '../object-lifecycle.ts';
import { checkFields, objectOf, validateObject } from '../object-validation.ts';
import { writeParameters } from '../parameters.ts';
import type { ApiResponse } from '../request.ts';
import { wantsAllotment } from '../service-address.ts';
import { jsonBody } from './body.ts';

const choices = 8;

export async function createObject(call: Call): Promise<ApiResponse> {
  const { served, query } = call;
  const draft = objectOf(served, jsonBody(call));
  call.warnings.push(...checkFields(served, draft, writeParameters(query).fieldValidation));
  return createDraft(call, draft, trackCreate);
}

/** Says who owns which fields of a new object. */
type Track = (call: Call, object: AnyObject) => void;

export async function createDraft(call: Call, draft: AnyObject, track: Track): Promise<ApiResponse> {
  const { dryRun } = writeParameters(call.query);
  startObject(call.served.kind, draft);
  settleNamespace(call, draft);
  const generated = !draft.metadata.name && !!draft.metadata.generateName;
  for (let attempt = 1; ; attempt++) {
    try {
      return objectAnswer(call, await create(call, draft, { generated, dryRun, track }), 201);
    } catch (error) {
      // What the server chose, a name, an address or a port, somebody else may have had a moment earlier.
      const isBadLuck =
        (generated && hasReason(error, 'AlreadyExists')) ||
        (isTakenClaim(error) && wantsAllotment(call.served.kind, draft));
      if (!isBadLuck || attempt === choices) throw error;
    }
  }
}

async function create(
  call: Call,
  draft: AnyObject,
  { generated, dryRun, track }: { generated: boolean; dryRun: boolean; track: Track },
): Promise<CachedObject> {
  const { backend, served } = call;
  const { clock, random } = backend;
  const object: AnyObject = { ...draft, metadata: { ...draft.metadata } };
  if (generated) object.metadata.name = generatedName(object.metadata.generateName ?? '', random);
  validateObject(served, object);
  admit(call, object);
  stampObject(object, { nowMs: clock.now(), random });
  track(call, object);
  return backend.objects.create(served.kind, object, { dryRun });
}

/** The path says which namespace; the body may say the same or nothing. */
function settleNamespace({ served, path }: Call, draft: AnyObject): void {
  const { namespace } = draft.metadata;
  if (namespace && namespace !== path.namespace && served.kind.namespaced)
    throw new ApiError(
      'BadRequest',
      'the namespace of the provided object does not match the namespace sent on the request',
    );
  if (path.namespace !== undefined) draft.metadata.namespace = path.namespace;
  else if (namespace === '') delete draft.metadata.namespace;
}
