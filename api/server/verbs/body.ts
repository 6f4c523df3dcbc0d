/** The body of a write as JSON, whatever it was sent as. YAML is a matter of the clients. */
import { ApiError } from '../../meta/api-error.ts';
import type { Call } from '../call.ts';
import { decodeJson } from '../decode-body.ts';
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
      `the body of the request was in an unknown format - accepted media types include: application/json (got ${mediaType})`,
    );
  }
  return decodeJson(request.body);
}
