/**
 * The documents the server gives about itself, as bytes: discovery and OpenAPI. Each is made when it is
 * first asked for and kept until the kind table changes.
 */
import { createHash } from 'node:crypto';
import type { AnyKind } from '../kinds/define-kind.ts';
import { metricsKinds } from '../kinds/resource-metrics.ts';
import { aggregatedDiscovery, apiGroup, apiGroupList, apiResourceList, apiVersions } from './discovery.ts';
import type { KindTable } from './kind-table.ts';
import { contentTypeOf, negotiate } from './negotiate.ts';
import { openApiV3Document, openApiV3Index } from './openapi.ts';
import { openApiV2, openApiV2ContentType } from './openapi-v2.ts';

export interface ApiDocument {
  body: Buffer;
  contentType: string;
  /** Quoted, as the header wants it. */
  etag: string;
}

export class ApiDocuments {
  readonly #table: KindTable;
  readonly #documents = new Map<string, ApiDocument>();

  constructor(table: KindTable) {
    this.#table = table;
    table.onChange(() => this.#documents.clear());
  }

  /** The document at a path (`/api`, `/apis/gantry.dev/v1`, `/openapi/v3`, …); undefined when there is none. */
  at(path: string, accept: string | undefined): ApiDocument | undefined {
    const representation = negotiate(accept);
    const contentType =
      path === '/openapi/v2' ? openApiV2ContentType : contentTypeOf(discoveryOnly(path, representation));
    const key = `${path} ${contentType}`;
    const kept = this.#documents.get(key);
    if (kept) return kept;
    // Computed kinds come last: where a name is served twice, clients mean the stored one.
    const kinds = [...this.#table.all().map(({ kind }) => kind), ...metricsKinds];
    const content = contentAt(
      kinds,
      path,
      representation.type === 'discovery' ? representation.version : undefined,
    );
    if (content === undefined) return undefined;
    const document = { ...bytesOf(content), contentType };
    this.#documents.set(key, document);
    return document;
  }
}

type Representation = ReturnType<typeof negotiate>;

/** Only the two roots have an aggregated form. */
function discoveryOnly(path: string, representation: Representation): Representation {
  return path === '/api' || path === '/apis' ? representation : { type: 'json' };
}

function contentAt(
  kinds: readonly AnyKind[],
  path: string,
  aggregated: 'v2' | 'v2beta1' | undefined,
): object | Buffer | undefined {
  const [root, ...rest] = path.split('/').slice(1);
  if (root === 'api' && rest.length === 0)
    return aggregated ? aggregatedDiscovery(kinds, 'api', aggregated) : apiVersions();
  if (root === 'apis' && rest.length === 0)
    return aggregated ? aggregatedDiscovery(kinds, 'apis', aggregated) : apiGroupList(kinds);
  if (root === 'api' && rest.length === 1) return apiResourceList(kinds, '', rest[0] ?? '');
  if (root === 'apis' && rest.length === 1) return apiGroup(kinds, rest[0] ?? '');
  if (root === 'apis' && rest.length === 2) return apiResourceList(kinds, rest[0] ?? '', rest[1] ?? '');
  if (path === '/openapi/v2') return openApiV2(kinds);
  if (path === '/openapi/v3') return openApiV3Index(kinds);
  if (path.startsWith('/openapi/v3/')) return openApiV3Document(kinds, path.slice('/openapi/v3/'.length));
  return undefined;
}

function bytesOf(content: object | Buffer): { body: Buffer; etag: string } {
  const body = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
  return { body, etag: `"${createHash('sha256').update(body).digest('hex').slice(0, 32)}"` };
}
