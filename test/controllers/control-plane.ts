/**
 * The real API server over the memory store, in this process, with clients of any identity: what the
 * controllers' tests run on. Nothing listens on a port.
 */
import { builtinKinds } from '../../api/kinds/registry.ts';
import { Lease, Node, Task } from '../../api/kinds/resources.ts';
import { systemClock } from '../../api/meta/clock.ts';
import { silentLogger } from '../../api/meta/logger.ts';
import { microTimestamp, timestamp } from '../../api/meta/object-meta.ts';
import { createAuthenticator } from '../../api/server/authenticate.ts';
import {
  type CertificateRequest,
  createCertificateAuthority,
  issueCertificate,
  type KeyPair,
} from '../../api/server/pki.ts';
import { type ApiServer, createApiServer } from '../../api/server/server.ts';
import type { User } from '../../api/server/user.ts';
import { openMemoryStore } from '../../api/store/memory-store.ts';
import type { Store } from '../../api/store/store.ts';
import type { Client } from '../../client/client.ts';
import { HttpClient } from '../../client/http-client.ts';
import { kubeconfigOf, writeKubeconfig } from '../../client/kubeconfig-file.ts';
import type { Transport, TransportRequest } from '../../client/transport.ts';
import { runControllers } from '../../controllers/run-controllers.ts';

const authenticated = 'system:authenticated';
const admin: User = { name: 'gantry-admin', groups: ['system:masters', authenticated] };
const controllers: User = { name: 'system:gantry-controllers', groups: ['system:gantry', authenticated] };

export class ControlPlane {
  readonly client: Client;
  readonly #server: ApiServer;
  readonly #store: Store;
  #term: { abort: AbortController; work: Promise<void> } | undefined;

  private constructor(server: ApiServer, store: Store) {
    this.#server = server;
    this.#store = store;
    this.client = this.#clientAs(admin);
  }

  static async start(): Promise<ControlPlane> {
    const store = openMemoryStore();
    const authenticator = createAuthenticator();
    const server = createApiServer({ store, kinds: builtinKinds, authenticator, logger: silentLogger });
    await server.start();
    return new ControlPlane(server, store);
  }

  /** Starts the controllers; `wrap` puts something between them and the server. */
  startControllers(wrap: (client: Client) => Client = (client) => client): void {
    const abort = new AbortController();
    const client = wrap(this.#clientAs(controllers));
    const options = { client, component: 'gantry-controllers', logger: silentLogger, signal: abort.signal };
    this.#term = { abort, work: runControllers(options) };
  }

  async stopControllers(): Promise<void> {
    this.#term?.abort.abort();
    await this.#term?.work;
    this.#term = undefined;
  }

  async stop(): Promise<void> {
    await this.stopControllers();
    await this.#server.close();
    await this.#store.close();
  }

  /** Serves over TLS too, and writes a kubeconfig with the identity of the controllers. */
  async listen(kubeconfigFile: string): Promise<void> {
    const authority = await createCertificateAuthority();
    const issue = (request: Omit<CertificateRequest, 'days'>): Promise<KeyPair> =>
      issueCertificate(authority, { ...request, days: 1 });
    const serving = await issue({ commonName: 'server', hosts: ['127.0.0.1'], usage: 'server' });
    const client = await issue({
      commonName: controllers.name,
      organizations: ['system:gantry'],
      usage: 'client',
    });
    const tls = { cert: serving.certPem, key: serving.keyPem, clientCa: authority.certPem };
    const { port } = await this.#server.listen({ addresses: ['127.0.0.1'], port: 0, tls });
    const identity = { ca: authority.certPem, clientCertificate: client.certPem, clientKey: client.keyPem };
    const config = { server: `https://127.0.0.1:${port}`, namespace: 'default', ...identity };
    await writeKubeconfig(kubeconfigFile, kubeconfigOf('test', config));
  }

  /** A node whose agent has just renewed its lease. */
  async addNode(name: string, { leaseDurationSeconds = 20 } = {}): Promise<void> {
    await this.client.create(Node, { metadata: { name } });
    const allocatable = { cpu: '8', memory: '16Gi', pods: '110' };
    const conditions = [{ type: 'Ready', status: 'True' as const }];
    const body = { status: { capacity: allocatable, allocatable, conditions } };
    await this.client.patch(Node, { name }, { type: 'merge', body }, { subresource: 'status' });
    const spec = { holderIdentity: name, leaseDurationSeconds, renewTime: microTimestamp(systemClock.now()) };
    await this.client.create(Lease, { metadata: { name, namespace: 'kube-node-lease' }, spec });
  }

  async renewLease(name: string): Promise<void> {
    const body = { spec: { renewTime: microTimestamp(systemClock.now()) } };
    await this.client.patch(Lease, { namespace: 'kube-node-lease', name }, { type: 'merge', body });
  }

  async tasks(namespace = 'default'): Promise<Task[]> {
    const { items } = await this.client.list(Task, { namespace });
    return items.sort((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1));
  }

  async taskNames(namespace = 'default'): Promise<string[]> {
    return (await this.tasks(namespace)).map(({ metadata }) => metadata.name);
  }

  /** Binds tasks and reports a phase for them, as scheduler and agent do. */
  async report(names: readonly string[], phase: Task['status']['phase'], node = 'n1'): Promise<void> {
    for (const name of names) {
      const task = await this.client.get(Task, { namespace: 'default', name });
      if (task.spec.nodeName === undefined)
        await this.client.commit({ mode: 'Incremental', binds: [{ namespace: 'default', name, node }] });
      const now = timestamp(systemClock.now());
      const ready = phase === 'Running' ? ('True' as const) : ('False' as const);
      const conditions = [{ type: 'Ready', status: ready, lastTransitionTime: now }];
      const finished = phase === 'Succeeded' || phase === 'Failed' ? { finishTime: now } : {};
      const body = { status: { phase, conditions, startTime: now, ...finished } };
      await this.client.patch(
        Task,
        { namespace: 'default', name },
        { type: 'merge', body },
        { subresource: 'status' },
      );
    }
  }

  #clientAs(user: User): HttpClient {
    return new HttpClient({ transport: new InProcessTransport(this.#server, user) });
  }
}

class InProcessTransport implements Transport {
  readonly #server: ApiServer;
  readonly #user: User;

  constructor(server: ApiServer, user: User) {
    this.#server = server;
    this.#user = user;
  }

  async request(request: TransportRequest) {
    const { status, headers, chunks } = await this.stream(request);
    const parts: Buffer[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    return { status, headers, body: Buffer.concat(parts) };
  }

  async stream({ method, path, headers, body, signal = new AbortController().signal }: TransportRequest) {
    const answer = await this.#server.handle({
      method,
      url: path,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': contentType(headers) }) },
      body: Buffer.from(body ?? ''),
      user: this.#user,
      signal,
    });
    const chunks = Buffer.isBuffer(answer.body) ? once(answer.body) : untilAborted(answer.body, signal);
    return { status: answer.status, headers: answer.headers, chunks };
  }

  close(): void {}
}

function contentType(headers: Record<string, string>): string {
  const [, type = 'application/json'] =
    Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type') ?? [];
  return type;
}

async function* once(body: Buffer): AsyncGenerator<Buffer> {
  yield body;
}

async function* untilAborted(chunks: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<Buffer> {
  const source = chunks[Symbol.asyncIterator]();
  const aborted = new Promise<IteratorResult<Buffer>>((resolve) => {
    signal.addEventListener('abort', () => resolve({ done: true, value: undefined }), { once: true });
  });
  for (;;) {
    const step = await Promise.race([source.next(), aborted]);
    if (step.done) break;
    yield step.value;
  }
  source.return?.().catch(() => {});
}
