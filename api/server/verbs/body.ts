/** The body of a write as JSON, whatever it was sent as. Only configurations to apply may be YAML. */
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

/** YAML is parsed far more slowly than JSON; kubectl sends JSON. */
const maxYamlBytes = 512 * 1024;
const maxAliases = 100;

/** The body of an apply: JSON, or YAML with the same rules. Throws ApiError BadRequest or RequestEntityTooLarge. */
export async function applyBody({ request: { body } }: Pick<Call, 'request'>): Promise<unknown> {
  const start = body.toString('latin1', 0, 1024);
  if (start.trim() === '' || /^\s*\{\s*["}]/.test(start)) return decodeJson(body);
  if (body.length > maxYamlBytes)
    throw new ApiError('RequestEntityTooLarge', `YAML may have at most ${maxYamlBytes} bytes; send JSON`);
  const { parse } = await import('yaml');
  let value: unknown;
  try {
    value = parse(body.toString(), { maxAliasCount: maxAliases, logLevel: 'error' });
  } catch (error) {
    const problem = error instanceof Error ? error.message.split('\n', 1)[0] : '';
    throw new ApiError('BadRequest', `error decoding YAML: ${problem}`);
  }
  // Through the one door for everything a body may not be.
  return decodeJson(Buffer.from(JSON.stringify(value) ?? ''));
}
