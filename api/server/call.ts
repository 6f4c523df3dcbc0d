/** One request for objects on its way through the pipeline, and what the verbs need of the server. */
import type { Clock } from '../meta/clock.ts';
import type { AddressRange } from '../meta/ip-address.ts';
import type { Logger } from '../meta/logger.ts';
import type { Random } from '../meta/random.ts';
import type { Store } from '../store/store.ts';
import type { AllocationRecords } from './allocation-records.ts';
import type { Verb } from './authorize.ts';
import type { DisruptionGuard } from './disruption-guard.ts';
import type { KindTable, ServedKind } from './kind-table.ts';
import type { Metrics } from './metrics.ts';
import type { NodeClient } from './node-client.ts';
import type { ObjectStore } from './object-store.ts';
import type { ApiRequest } from './request.ts';
import type { ResourcePath } from './request-path.ts';
import type { NodeSummaries } from './resource-metrics/node-summary.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';
import type { WriteStore } from './transaction-batcher.ts';
import type { User } from './user.ts';
import type { WatchCache } from './watch-cache.ts';
import type { WatchHubs } from './watch-hubs.ts';

export interface Backend {
  store: Store;
  writes: WriteStore;
  cache: WatchCache;
  allocations: AllocationRecords;
  disruptions: DisruptionGuard;
  objects: ObjectStore;
  hubs: WatchHubs;
  kinds: KindTable;
  clock: Clock;
  random: Random;
  logger: Logger;
  /** Addresses of services are allotted from it. */
  serviceRange: AddressRange;
  metrics: Metrics;
  tokens: ServiceAccountTokens;
  /** How to reach node agents; absent where there are none (tests, a bare control plane). */
  nodeClient: NodeClient | undefined;
  /** What nodes and tasks use; absent like `nodeClient`. */
  summaries: NodeSummaries | undefined;
}

export interface Call {
  backend: Backend;
  served: ServedKind;
  path: ResourcePath;
  verb: Verb;
  query: URLSearchParams;
  user: User;
  request: ApiRequest;
  /** Sent as Warning headers. */
  warnings: string[];
}
