/**
 * A whole API server in this process: the production code on the memory store and a virtual clock,
 * reached without sockets or TLS. Controllers, the scheduler and node agents under test talk to it
 * through the same HttpClient as in production.
 *
 *   const cluster = await testCluster();
 *   await cluster.client.create(Job, draft);
 *   await cluster.until(() => runtime.idle);
 *   await cluster.stop();
 */
import { builtinKinds } from '../../api/kinds/registry.ts';
import { ApiError } from '../../api/meta/api-error.ts';
import { VirtualClock } from '../../api/meta/clock.ts';
import { type Logger, silentLogger } from '../../api/meta/logger.ts';
import { type Random, seededRandom } from '../../api/meta/random.ts';
import type { NodeClient } from '../../api/server/node-client.ts';
import type { ApiRequest, ApiResponse } from '../../api/server/request.ts';
import { type ApiServer, createApiServer } from '../../api/server/server.ts';
import type { User } from '../../api/server/user.ts';
import { openMemoryStore } from '../../api/store/memory-store.ts';
import type { Store } from '../../api/store/store.ts';
import { HttpClient } from '../../client/http-client.ts';
import { settle, type UntilOptions, until } from '../../client/testing/until.ts';
import type {
  Transport,
  TransportAnswer,
  TransportRequest,
  TransportStream,
} from '../../client/transport.ts';

export interface TestCluster {
  clock: VirtualClock;
  random: Random;
  store: Store;
  server: ApiServer;
  /** As the administrator. */
  client: HttpClient;
  /** As somebody else: `clientAs({ name: 'system:node:n1', groups: ['system:nodes'] })`. */
  clientAs(user: User): HttpClient;
  until<T>(condition: () => T | Promise<T>, options?: UntilOptions): Promise<NonNullable<T>>;
  /** Moves time until all parts have had nothing to do for a while. */
  settle(parts: readonly { readonly idle: boolean }[]): Promise<void>;
  stop(): Promise<void>;
}

export interface TestClusterOptions {
  nodeClient?: NodeClient;
  clock?: VirtualClock;
  seed?: number;
  /** Default: a memory store on the same clock; the caller closes one it brings. */
  store?: Store;
  logger?: Logger;
}

export const adminUser: User = { name: 'gantry-admin', groups: ['system:masters', 'system:authenticated'] };

export async function testCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const { clock = new VirtualClock(), seed = 1, logger = silentLogger } = options;
  const store = options.store ?? openMemoryStore({ clock, logger });
  const random = seededRandom(seed);
  const server = createApiServer({
    store,
    kinds: builtinKinds,
    authenticator: { authenticate: refuse },
    clock,
    random,
    logger,
    ...(options.nodeClient ? { nodeClient: options.nodeClient } : {}),
  });
  await onClock(clock, server.start());
  const clientAs = (user: User): HttpClient =>
    new HttpClient({ transport: new InProcessTransport(server, user) });
  return {
    clock,
    random,
    store,
    server,
    client: clientAs(adminUser),
    clientAs,
    until: (condition, untilOptions) => until(clock, condition, untilOptions),
    settle: (parts) => settle(clock, parts),
    stop: async () => {
      await onClock(clock, server.close());
      if (!options.store) await store.close();
    },
  };
}

/** Awaits something that itself waits on the virtual clock. */
export async function onClock<T>(clock: VirtualClock, work: Promise<T>): Promise<T> {
  let over = false;
  const ended = work.finally(() => {
    over = true;
  });
  ended.catch(() => {});
  await until(clock, () => over);
  return ended;
}

/** Every request here brings its user; nothing is left to authenticate. */
function refuse(): never {
  throw new ApiError('Unauthorized', 'requests inside the process name their user');
}

class InProcessTransport implements Transport {
  readonly #server: ApiServer;
  readonly #user: User;

  constructor(server: ApiServer, user: User) {
    this.#server = server;
    this.#user = user;
  }

  async request(request: TransportRequest): Promise<TransportAnswer> {
    const { status, headers, body } = await this.#handle(request, new AbortController());
    return { status, headers, body: Buffer.isBuffer(body) ? body : await gathered(body) };
  }

  async stream(request: TransportRequest): Promise<TransportStream> {
    const gone = new AbortController();
    request.signal?.addEventListener('abort', () => gone.abort());
    const { status, headers, body } = await this.#handle(request, gone);
    return { status, headers, chunks: chunksOf(body, gone) };
  }

  close(): void {}

  #handle(request: TransportRequest, gone: AbortController): Promise<ApiResponse> {
    const { method, path, headers, body = '' } = request;
    const call: ApiRequest = {
      method,
      url: path,
      headers,
      body: Buffer.from(body),
      user: this.#user,
      signal: gone.signal,
    };
    return this.#server.handle(call);
  }
}

async function* chunksOf(body: ApiResponse['body'], gone: AbortController): AsyncGenerator<Buffer> {
  try {
    if (Buffer.isBuffer(body)) yield body;
    else yield* body;
  } finally {
    gone.abort();
  }
}

async function gathered(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}
