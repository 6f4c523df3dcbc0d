/**
 * The Client over any transport: builds requests, reads answers, turns `v1.Status` into ApiErrors.
 *
 *   const client = connect(await loadClusterConfig(paths));
 *   const web = await client.get(Job, { namespace: 'default', name: 'web' });
 */
import { apiVersionOf, defaultNamespace, names } from '../api/kinds/names.ts';
import type { Resource } from '../api/kinds/resources.ts';
import { ApiError, type Status } from '../api/meta/api-error.ts';
import type { KubeObject, ObjectList, WatchEvent } from '../api/meta/object-meta.ts';
import type {
  BindResult,
  Client,
  DeleteParameters,
  Draft,
  GetParameters,
  ListParameters,
  ObjectKey,
  Patch,
  Plan,
  WatchParameters,
  WriteParameters,
} from './client.ts';
import type { ClusterConfig } from './cluster-config.ts';
import { HttpsTransport, type HttpsTransportOptions } from './https-transport.ts';
import { collectionPath, objectPath, type Query, withQuery } from './resource-path.ts';
import type { Transport, TransportAnswer, TransportHead } from './transport.ts';
import { linesOf, parseWatchLine } from './watch-stream.ts';

const patchTypes = { merge: 'application/merge-patch+json', json: 'application/json-patch+json' } as const;

export interface HttpClientOptions {
  transport: Transport;
  /** Names the program to the server; its part before "/" is the default field manager. */
  userAgent?: string;
  /** Called with each warning the server attaches to an answer. */
  onWarning?: (text: string) => void;
}

interface Call {
  method?: string;
  body?: unknown;
  contentType?: string;
  accept?: string;
  signal?: AbortSignal | undefined;
}

/** A client over TLS with the identity of `config`. */
export function connect(
  config: ClusterConfig,
  options: Omit<HttpsTransportOptions, 'config'> & Omit<HttpClientOptions, 'transport'> = {},
): HttpClient {
  return new HttpClient({ ...options, transport: new HttpsTransport({ ...options, config }) });
}

export class HttpClient implements Client {
  readonly #transport: Transport;
  readonly #userAgent: string;
  readonly #onWarning: ((text: string) => void) | undefined;

  constructor({ transport, userAgent = 'gantry', onWarning }: HttpClientOptions) {
    this.#transport = transport;
    this.#userAgent = userAgent;
    this.#onWarning = onWarning;
  }

  async get<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    { signal, ...query }: GetParameters = {},
  ): Promise<T> {
    return (await this.#call(withQuery(objectPath(resource, key), { ...query }), { signal })) as T;
  }

  async list<T extends KubeObject>(
    resource: Resource<T>,
    { namespace, signal, ...query }: ListParameters = {},
  ): Promise<ObjectList<T>> {
    const path = withQuery(collectionPath(resource, namespace), { ...query });
    const list = (await this.#call(path, { signal })) as ObjectList<T>;
    const { apiVersion, kind } = resource;
    // Kubernetes leaves the type out of the items of a typed list.
    if (list.items[0]?.kind === undefined)
      for (const item of list.items) Object.assign(item, { apiVersion, kind });
    return list;
  }

  async *watch<T extends KubeObject>(
    resource: Resource<T>,
    { namespace, signal, sendInitialEvents, ...selection }: WatchParameters,
  ): AsyncGenerator<WatchEvent<T>> {
    const query: Query = { ...selection, watch: true, allowWatchBookmarks: true };
    if (sendInitialEvents) Object.assign(query, { sendInitialEvents, resourceVersionMatch: 'NotOlderThan' });
    const path = withQuery(collectionPath(resource, namespace), query);
    for await (const line of linesOf(this.stream(path, signal, 'application/json')))
      yield parseWatchLine<T>(line);
  }

  async create<T extends KubeObject>(
    resource: Resource<T>,
    draft: Draft<T>,
    parameters: WriteParameters = {},
  ): Promise<T> {
    const { apiVersion, kind } = resource;
    const { namespace = defaultNamespace } = draft.metadata;
    const path = withQuery(collectionPath(resource, namespace), writeQuery(parameters));
    const body = { apiVersion, kind, ...draft };
    return (await this.#call(path, { method: 'POST', body, signal: parameters.signal })) as T;
  }

  update<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    parameters: WriteParameters = {},
  ): Promise<T> {
    return this.#replace(objectPath(resource, object.metadata), object, parameters);
  }

  updateStatus<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    parameters: WriteParameters = {},
  ): Promise<T> {
    return this.#replace(objectPath(resource, object.metadata, 'status'), object, parameters);
  }

  async patch<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    patch: Patch,
    { subresource, ...parameters }: WriteParameters & { subresource?: 'status' | 'scale' | 'resize' } = {},
  ): Promise<T> {
    const path = withQuery(objectPath(resource, key, subresource), writeQuery(parameters));
    return (await this.#call(path, {
      method: 'PATCH',
      body: patch.body,
      contentType: patchTypes[patch.type],
      signal: parameters.signal,
    })) as T;
  }

  async delete<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    { dryRun, signal, ...options }: DeleteParameters = {},
  ): Promise<void> {
    const path = withQuery(objectPath(resource, key), writeQuery({ dryRun: dryRun ?? false }));
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', ...options };
    await this.#call(path, { method: 'DELETE', body, signal });
  }

  async commit(plan: Plan): Promise<BindResult[]> {
    const apiVersion = apiVersionOf(names.Task);
    const body = { apiVersion, kind: 'Plan', ...plan };
    const answer = (await this.#call(`/apis/${apiVersion}/plans`, { method: 'POST', body })) as {
      binds: { status?: Status }[];
    };
    return answer.binds.map(({ status }) => status && ApiError.fromStatus(status, status.code));
  }

  raw(path: string, options: Call = {}): Promise<unknown> {
    return this.#call(path, options);
  }

  async *stream(path: string, signal?: AbortSignal, accept = '*/*'): AsyncGenerator<Buffer> {
    if (signal?.aborted) return;
    const headers = { accept, 'user-agent': this.#userAgent };
    try {
      const answer = await this.#transport.stream({
        method: 'GET',
        path,
        headers,
        ...(signal && { signal }),
      });
      if (answer.status >= 300) throw errorOf({ ...answer, body: await gathered(answer.chunks) });
      yield* answer.chunks;
    } catch (error) {
      if (!signal?.aborted) throw error;
    }
  }

  /** Closes the connections that are open. */
  close(): void {
    this.#transport.close();
  }

  async #replace<T extends KubeObject>(path: string, object: T, parameters: WriteParameters): Promise<T> {
    const call = { method: 'PUT', body: object, signal: parameters.signal };
    return (await this.#call(withQuery(path, writeQuery(parameters)), call)) as T;
  }

  async #call(path: string, { method = 'GET', body, contentType, accept, signal }: Call): Promise<unknown> {
    const headers: Record<string, string> = {
      accept: accept ?? 'application/json',
      'user-agent': this.#userAgent,
    };
    if (body !== undefined) headers['content-type'] = contentType ?? 'application/json';
    const answer = await this.#transport.request({
      method,
      path,
      headers,
      ...(body === undefined ? {} : { body: encoded(body) }),
      ...(signal && { signal }),
    });
    if (answer.status >= 300) throw errorOf(answer);
    if (this.#onWarning) for (const text of warningsOf(answer)) this.#onWarning(text);
    return answer.body.length === 0 ? undefined : parsed(answer);
  }
}

function writeQuery({ dryRun, fieldManager, fieldValidation }: WriteParameters): Query {
  return { dryRun: dryRun ? 'All' : undefined, fieldManager, fieldValidation };
}

/** Text and bytes go as they are (YAML, prepared JSON), everything else as JSON. */
function encoded(body: unknown): string | Buffer {
  return typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
}

function parsed({ status, body }: TransportAnswer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch (error) {
    const begin = body.toString('utf8', 0, 200);
    throw new ApiError('InternalError', `the answer (HTTP ${status}) is not JSON: ${begin}`, {}, error);
  }
}

function errorOf(answer: TransportAnswer): ApiError {
  const status = statusOf(answer.body);
  const asked = Number(answer.headers['retry-after']);
  const error = ApiError.fromStatus(status, answer.status);
  if (!(asked > 0) || error.details.retryAfterSeconds) return error;
  return new ApiError(error.reason, error.message, { ...error.details, retryAfterSeconds: asked });
}

/** Proxies answer in their own words: then the beginning of the text is the message. */
function statusOf(body: Buffer): Partial<Status> {
  const text = body.toString();
  try {
    const answer = JSON.parse(text) as Partial<Status> | null;
    if (answer?.kind === 'Status') return answer;
  } catch {
    // Not JSON: the text itself says what went wrong.
  }
  return text.trim() === '' ? {} : { message: text.trim().slice(0, 500) };
}

const warningText = /299 \S+ "((?:[^"\\]|\\.)*)"/g;

/** RFC 7234: `299 - "text"`; several come joined by commas. */
function warningsOf({ headers }: TransportHead): string[] {
  const lines = [headers['warning'] ?? []].flat().join(', ');
  return [...lines.matchAll(warningText)].map(([, text = '']) => text.replace(/\\(.)/g, '$1'));
}

async function gathered(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}
