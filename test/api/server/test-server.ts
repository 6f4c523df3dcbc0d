/** A real API server in this process over a real store, and short ways to talk to it. */
import { builtinKinds } from '../../../api/kinds/registry.ts';
import { systemClock } from '../../../api/meta/clock.ts';
import { silentLogger } from '../../../api/meta/logger.ts';
import type { AnyObject } from '../../../api/meta/object-meta.ts';
import { seededRandom } from '../../../api/meta/random.ts';
import { createAuthenticator } from '../../../api/server/authenticate.ts';
import { type ApiServer, type ApiServerOptions, createApiServer } from '../../../api/server/server.ts';
import type { User } from '../../../api/server/user.ts';
import { openMemoryStore } from '../../../api/store/memory-store.ts';
import type { Store } from '../../../api/store/store.ts';

export const admin: User = { name: 'gantry-admin', groups: ['system:masters', 'system:authenticated'] };

export function nodeUser(name: string): User {
  return { name: `system:node:${name}`, groups: ['system:nodes', 'system:authenticated'] };
}

/** Answers are looked into freely, as a client without types would. */
type Json = ReturnType<typeof JSON.parse>;

export interface Answer {
  status: number;
  headers: Record<string, string | string[]>;
  body: Json;
}

export interface RequestOptions {
  user?: User;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export class TestServer {
  readonly store: Store;
  readonly server: ApiServer;

  constructor(options: Partial<ApiServerOptions> = {}) {
    this.store = options.store ?? openMemoryStore();
    this.server = createApiServer({
      store: this.store,
      kinds: builtinKinds,
      authenticator: createAuthenticator(),
      logger: silentLogger,
      clock: systemClock,
      random: seededRandom(7),
      ...options,
    });
  }

  static async start(options: Partial<ApiServerOptions> = {}): Promise<TestServer> {
    const server = new TestServer(options);
    await server.server.start();
    return server;
  }

  async close(): Promise<void> {
    await this.server.close();
    await this.store.close();
  }

  async raw(method: string, url: string, body?: unknown, options: RequestOptions = {}): Promise<Answer> {
    const bytes =
      body === undefined ? Buffer.alloc(0) : Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
    const response = await this.server.handle({
      method,
      url,
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...options.headers },
      body: bytes,
      user: options.user ?? admin,
      signal: options.signal ?? new AbortController().signal,
    });
    return { status: response.status, headers: response.headers, body: await readBody(response.body) };
  }

  get = (url: string, options?: RequestOptions) => this.raw('GET', url, undefined, options);
  post = (url: string, body: unknown, options?: RequestOptions) => this.raw('POST', url, body, options);
  put = (url: string, body: unknown, options?: RequestOptions) => this.raw('PUT', url, body, options);
  delete = (url: string, body?: unknown, options?: RequestOptions) => this.raw('DELETE', url, body, options);

  mergePatch(url: string, body: unknown, options: RequestOptions = {}): Promise<Answer> {
    const headers = { 'content-type': 'application/merge-patch+json', ...options.headers };
    return this.raw('PATCH', url, body, { ...options, headers });
  }

  /** The events of a watch, as they come; ends when the server ends it or `signal` aborts. */
  async *watch(url: string, options: RequestOptions = {}): AsyncGenerator<Json> {
    const response = await this.server.handle({
      method: 'GET',
      url,
      headers: options.headers ?? {},
      body: Buffer.alloc(0),
      user: options.user ?? admin,
      signal: options.signal ?? new AbortController().signal,
    });
    if (Buffer.isBuffer(response.body)) throw new Error(`no stream: ${response.status} ${response.body}`);
    let rest = '';
    for await (const chunk of response.body) {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield JSON.parse(line);
    }
  }
}

async function readBody(body: Buffer | AsyncIterable<Buffer>): Promise<Json> {
  const chunks: Buffer[] = [];
  if (Buffer.isBuffer(body)) chunks.push(body);
  else for await (const chunk of body) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The first `count` events, or fewer when the watch ends before. */
export async function take(events: AsyncGenerator<Json>, count: number): Promise<Json[]> {
  const taken: Json[] = [];
  while (taken.length < count) {
    const { value, done } = await events.next();
    if (done) break;
    taken.push(value);
  }
  return taken;
}

export const jobs = '/apis/gantry.dev/v1/namespaces/default/jobs';
export const tasks = '/apis/gantry.dev/v1/namespaces/default/tasks';
export const configMaps = '/api/v1/namespaces/default/configmaps';

export function jobDraft(name: string, spec: object = {}): object {
  return {
    apiVersion: 'gantry.dev/v1',
    kind: 'Job',
    metadata: { name },
    spec: { type: 'Service', replicas: 2, template: { spec: { containers: [container()] } }, ...spec },
  };
}

export function taskDraft(
  name: string,
  requests: Record<string, string> = { cpu: '100m' },
  port?: number,
): object {
  const ports = port === undefined ? {} : { ports: [{ containerPort: port }] };
  return {
    apiVersion: 'gantry.dev/v1',
    kind: 'Task',
    metadata: { name },
    spec: { containers: [{ ...container(), resources: { requests }, ...ports }] },
  };
}

export function configMapDraft(name: string, data: Record<string, string> = {}): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data };
}

function container(): object {
  return { name: 'main', command: ['sleep', '100'] };
}

/** A Node with this much to give. */
export async function addNode(
  server: TestServer,
  name: string,
  allocatable: Record<string, string>,
): Promise<AnyObject> {
  await server.post('/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { name } });
  const { body } = await server.mergePatch(`/api/v1/nodes/${name}/status`, { status: { allocatable } });
  return body;
}
