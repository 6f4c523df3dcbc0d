/** Objects and lists as answers, in the form the client asked for. Plain JSON goes out as cached bytes. */
import { apiVersionOf } from '../kinds/names.ts';
import type { ListMeta } from '../meta/object-meta.ts';
import type { CachedObject } from './cached-object.ts';
import type { Call } from './call.ts';
import { negotiate } from './negotiate.ts';
import { type ApiResponse, bytesResponse, jsonResponse } from './request.ts';
import { partialMetadata, partialMetadataList, tableOf } from './table.ts';

export function representationOf({ request, query }: Call): ReturnType<typeof negotiate> {
  const includeObject = query.get('includeObject');
  return negotiate(request.headers['accept'], includeObject === null ? {} : { includeObject });
}

export function objectAnswer(call: Call, object: CachedObject, status = 200): ApiResponse {
  const representation = representationOf(call);
  const headers = warningHeaders(call);
  switch (representation.type) {
    case 'table':
      return jsonResponse(
        status,
        tableOf(call.served, [object.parse()], { ...representation, nowMs: call.backend.clock.now() }),
        headers,
      );
    case 'metadata':
      return jsonResponse(status, partialMetadata(object.parse(), representation.version), headers);
    default:
      return bytesResponse(status, object.bytes, headers);
  }
}

function warningHeaders({ warnings }: Call): Record<string, string[]> {
  if (warnings.length === 0) return {};
  return { warning: warnings.map((text) => `299 - ${JSON.stringify(text)}`) };
}

export function listAnswer(call: Call, objects: readonly CachedObject[], listMeta: ListMeta): ApiResponse {
  const representation = representationOf(call);
  switch (representation.type) {
    case 'table': {
      const parsed = objects.map((object) => object.parse());
      const options = { ...representation, nowMs: call.backend.clock.now(), listMeta };
      return jsonResponse(200, tableOf(call.served, parsed, options));
    }
    case 'metadata': {
      const parsed = objects.map((object) => object.parse());
      return jsonResponse(200, partialMetadataList(parsed, listMeta, representation.version));
    }
    default:
      return bytesResponse(200, listBytes(call, objects, listMeta));
  }
}

const chunkBytes = 256 * 1024;
const comma = Buffer.from(',');
const listEnd = Buffer.from(']}\n');

/** The list as one buffer when it is small, else chunk by chunk: never one giant string. */
function listBytes(
  { served: { kind } }: Call,
  objects: readonly CachedObject[],
  metadata: ListMeta,
): ApiResponse['body'] {
  const head = JSON.stringify({ kind: `${kind.kind}List`, apiVersion: apiVersionOf(kind), metadata });
  const listStart = Buffer.from(`${head.slice(0, -1)},"items":[`);
  const size = objects.reduce((sum, { bytes }) => sum + bytes.length + 1, listStart.length);
  if (size <= chunkBytes) return Buffer.concat([...listChunks(listStart, objects)]);
  return streamed(listStart, objects);
}

async function* streamed(listStart: Buffer, objects: readonly CachedObject[]): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let size = 0;
  for (const part of listChunks(listStart, objects)) {
    parts.push(part);
    size += part.length;
    if (size < chunkBytes) continue;
    yield Buffer.concat(parts);
    [parts, size] = [[], 0];
  }
  yield Buffer.concat(parts);
}

function* listChunks(listStart: Buffer, objects: readonly CachedObject[]): Generator<Buffer> {
  yield listStart;
  for (const [index, { bytes }] of objects.entries()) {
    if (index > 0) yield comma;
    yield bytes;
  }
  yield listEnd;
}
