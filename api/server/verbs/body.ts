/** The body of a write as JSON, whatever it was sent as. Only configurations to apply may be YAML. */
import { ApiError } from '../../meta/api-error.ts';
import type { Call } from '../call.ts';
import { decodeJson } from '../decode-body.ts';
import { decodeYaml } from '../decode-yaml.ts';
import { decodeProtobuf, protobufMediaType } from '../protobuf-body.ts';

/** Throws ApiError UnsupportedMediaType, BadRequest or RequestEntityTooLarge. No Content-Type means JSON. */
export function jsonBody({ request }: Pick<Call, 'request'>): unknown {
  const mediaType = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (mediaType === protobufMediaType) return decodeProtobuf(request.body);
  if (
    mediaType !== undefined &&
    mediaType !== '' &&
    mediaType !== 'application/json' &&
    mediaType !== '*/*'
  ) {
    throw new ApiError(
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: application/json (got ${mediaType.slice(0, 200)})`,
    );
  }
  return decodeJson(request.body);
}

/** The options of a delete, which may say nothing. Throws ApiError BadRequest, UnsupportedMediaType. */
export function deleteBody(call: Pick<Call, 'request'>): unknown {
  return call.request.body.length === 0 ? undefined : jsonBody(call);
}

/** The body of an apply: JSON, or YAML with the same rules. Throws ApiError BadRequest or RequestEntityTooLarge. */
export async function applyBody({ request: { body } }: Pick<Call, 'request'>): Promise<unknown> {
  const start = body.toString('latin1', 0, 1024);
  if (start.trim() === '' || /^\s*\{\s*["}]/.test(start)) return decodeJson(body);
  return decodeYaml(body);
}
