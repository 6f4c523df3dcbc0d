/**
 * The API server: puts its parts together and runs them. Stateless over the store; any number may run.
 *
 *   const server = createApiServer({ store, kinds: builtinKinds, authenticator, logger });
 *   await server.start();
 *   const { status, body } = await server.handle({ method: 'GET', url: '/apis/gantry.dev/v1/jobs', … });
 */
import type { AnyKind } from '../kinds/define-kind.ts';
import { type Clock, systemClock } from '../meta/clock.ts';
import { parseRange } from '../meta/ip-address.ts';
import type { Logger } from '../meta/logger.ts';
import { type Random, systemRandom } from '../meta/random.ts';
import type { Store } from '../store/store.ts';
import { AllocationRecords } from './allocation-records.ts';
import { ApiDocuments } from './api-documents.ts';
import type { AuditLog } from './audit.ts';
import { type Authenticator, withTokens } from './authenticate.ts';
import { createInitialObjects } from './bootstrap.ts';
import type { Backend } from './call.ts';
import { CustomKinds } from './custom/custom-kinds.ts';
import { DisruptionGuard } from './disruption-guard.ts';
import { Expiry } from './expiry.ts';
import { handleRequest, type Pipeline } from './handle-request.ts';
import type { HealthCheck } from './health.ts';
import { KindTable } from './kind-table.ts';
import { type Listener, type ListenOptions, listen } from './listener.ts';
import { Metrics } from './metrics.ts';
import type { NodeClient } from './node-client.ts';
import { ObjectStore } from './object-store.ts';
import { InFlightLimits } from './overload.ts';
import type { ApiRequest, ApiResponse } from './request.ts';
import { NodeSummaries } from './resource-metrics/node-summary.ts';
import { ServiceAccountTokens, type TokenKeys } from './service-account-tokens.ts';
import { TransactionBatcher, type WriteStore } from './transaction-batcher.ts';
import { versionInfo } from './version.ts';
import { WatchCache } from './watch-cache.ts';
import { WatchHubs } from './watch-hubs.ts';

export interface ApiServerOptions {
  store: Store;
  kinds: readonly AnyKind[];
  authenticator: Authenticator;
  logger: Logger;
  clock?: Clock;
  random?: Random;
  /** How to reach node agents, for logs. */
  nodeClient?: NodeClient;
  audit?: AuditLog;
  /** What tokens of service accounts are signed with. */
  tokenKeys?: TokenKeys;
  /** Range of the services' addresses; must be no one else's. Default 10.96.0.0/16. */
  serviceCidr?: string;
  /** Sends writes that come together as one transaction: for stores that cost a round trip each. */
  batchWrites?: boolean;
}

export const defaultServiceCidr = '10.96.0.0/16';

export interface ApiServer {
  /** Resolves when the caches are filled and the initial objects exist. */
  start(): Promise<void>;
  /** Answers one request, without any transport. Never rejects. */
  handle(request: ApiRequest): Promise<ApiResponse>;
  /** Opens the listener; resolves when it accepts. */
  listen(options: ListenOptions): Promise<Listener>;
  /** Ends: not ready, no new connections, watches ended cleanly, requests under way finished. Leaves the store open. */
  close(): Promise<void>;
}

export function createApiServer(options: ApiServerOptions): ApiServer {
  const backend = createBackend(options);
  const { cache, hubs, clock } = backend;
  const customKinds = new CustomKinds(backend);
  let closing = false;
  const pipeline: Pipeline = {
    backend,
    authenticator: withTokens(options.authenticator, (token) => backend.tokens.userOf(token)),
    documents: new ApiDocuments(backend.kinds),
    limits: new InFlightLimits(backend.metrics),
    healthChecks: healthChecks(backend, () => closing),
    audit: options.audit,
    version: versionInfo(),
  };
  const listeners: Listener[] = [];
  const handle = (request: ApiRequest): Promise<ApiResponse> => handleRequest(pipeline, request);
  return {
    handle,
    async start() {
      await cache.start();
      customKinds.start();
      hubs.start();
      await createInitialObjects(backend);
      await cache.waitUntilCurrent();
    },
    async listen(listenOptions) {
      const listener = await listen(handle, clock, listenOptions);
      listeners.push(listener);
      return listener;
    },
    async close() {
      closing = true;
      await hubs.close();
      await Promise.all(listeners.map((listener) => listener.close()));
      await customKinds.stop();
      await cache.stop();
      await options.audit?.close();
    },
  };
}

function createBackend(options: ApiServerOptions): Backend {
  const { store, logger, clock = systemClock, random = systemRandom } = options;
  const cache = new WatchCache({ store, clock, logger });
  const hubs = new WatchHubs({ cache, clock, logger });
  const metrics = new Metrics();
  metrics.observeState({ cache, hubs });
  const allocations = new AllocationRecords(cache);
  const expiry = new Expiry(store, clock);
  const writes = options.batchWrites ? batching(store) : store;
  return {
    store,
    writes,
    cache,
    hubs,
    metrics,
    tokens: new ServiceAccountTokens({ cache, clock, keys: options.tokenKeys }),
    clock,
    random,
    logger,
    allocations,
    disruptions: new DisruptionGuard({ store: writes, cache, expiry }),
    objects: new ObjectStore({ store: writes, cache, allocations, expiry }),
    kinds: new KindTable(options.kinds),
    nodeClient: options.nodeClient,
    serviceRange: parseRange(options.serviceCidr ?? defaultServiceCidr),
    summaries: options.nodeClient && new NodeSummaries({ client: options.nodeClient, clock, logger }),
  };
}

function batching(store: Store): WriteStore {
  const batcher = new TransactionBatcher(store);
  return {
    get: (key, options) => store.get(key, options),
    transact: (transaction) => batcher.transact(transaction),
  };
}

function healthChecks({ cache, store }: Backend, isClosing: () => boolean): HealthCheck[] {
  return [
    { name: 'ping', readinessOnly: false, check: async () => undefined },
    {
      name: 'store',
      readinessOnly: true,
      check: () =>
        store.get('/registry/health').then(
          () => undefined,
          () => 'the store does not answer',
        ),
    },
    {
      name: 'watch-cache',
      readinessOnly: true,
      check: async () => (cache.synced ? undefined : 'not filled yet'),
    },
    { name: 'shutdown', readinessOnly: true, check: async () => (isClosing() ? 'shutting down' : undefined) },
  ];
}
