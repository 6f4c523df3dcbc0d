/**
 * Gantry's SDK: everything a program needs to talk to a cluster or to be a part of its control plane.
 *
 *   import { connect, loadClusterConfig, ControllerRuntime, controller, Job, Task } from 'gantry';
 */
export { defaultNamespace, nodeLeaseNamespace, systemNamespace } from '../api/kinds/names.ts';
export {
  ConfigMap,
  EndpointSlice,
  Event,
  Job,
  Lease,
  Namespace,
  Node,
  PodDisruptionBudget,
  PriorityClass,
  type Resource,
  resource,
  Secret,
  Service,
  ServiceAccount,
  Task,
} from '../api/kinds/resources.ts';
export {
  ApiError,
  asApiError,
  type Cause,
  hasReason,
  type Reason,
  reasons,
  type Status,
} from '../api/meta/api-error.ts';
export { type Clock, sleep, systemClock, type Timer, VirtualClock } from '../api/meta/clock.ts';
export { type Condition, conditionOf, isConditionTrue, withCondition } from '../api/meta/conditions.ts';
export { type Logger, silentLogger } from '../api/meta/logger.ts';
export { type Backoff, Loop } from '../api/meta/loop.ts';
export {
  type AnyObject,
  controllerOf,
  type KubeObject,
  keyOf,
  type ObjectList,
  type ObjectMeta,
  type OwnerReference,
  ownerReference,
  splitKey,
  timestamp,
  type WatchEvent,
} from '../api/meta/object-meta.ts';
export { type Random, seededRandom, systemRandom } from '../api/meta/random.ts';
export type {
  Bind,
  BindResult,
  Client,
  DeleteParameters,
  Draft,
  Eviction,
  GetParameters,
  ListParameters,
  ObjectKey,
  Patch,
  Plan,
  WatchParameters,
  WriteParameters,
} from './client.ts';
export { type ClientCall, fencedClient, type Interception, interceptClient } from './client-interceptor.ts';
export type { ClusterConfig } from './cluster-config.ts';
export {
  type Caches,
  type ControllerDefinition,
  type ControllerOptions,
  controller,
  generationChanged,
  type Predicate,
  type ReconcileContext,
  type Reconciliation,
  type Result,
  TerminalError,
} from './controller.ts';
export type { ControllerMetrics } from './controller-loop.ts';
export { EventRecorder, type EventRecorderOptions, type Happening } from './event-recorder.ts';
export { connect, HttpClient, type HttpClientOptions } from './http-client.ts';
export { HttpsTransport, type HttpsTransportOptions } from './https-transport.ts';
export { type Change, type ChangeHandler, Informer, type InformerOptions } from './informer.ts';
export { type Kubeconfig, loadClusterConfig, readKubeconfig, selectContext } from './kubeconfig.ts';
export { kubeconfigOf, mergeContext, removeContext, writeKubeconfig } from './kubeconfig-file.ts';
export { LeaderElection, type LeaderElectionOptions } from './leader-election.ts';
export { byLabel, type IndexFunction, type ObjectReader } from './object-cache.ts';
export type { Scope } from './reflector.ts';
export { collectionPath, objectPath, withQuery } from './resource-path.ts';
export { ControllerRuntime, type RuntimeOptions } from './runtime.ts';
export type { Transport, TransportAnswer, TransportRequest, TransportStream } from './transport.ts';
export { WorkQueue, type WorkQueueOptions } from './work-queue.ts';
