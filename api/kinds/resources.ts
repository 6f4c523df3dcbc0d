/**
 * The kinds as clients hold them: names at run time, the object's type at compile time. Loads no schema,
 * so a process that only talks to the API starts fast.
 *
 *   const web = await client.get(Job, { namespace: 'default', name: 'web' });   // web: Job
 */
import type { KubeObject } from '../meta/object-meta.ts';
import { apiVersionOf, type KindNames, names } from './names.ts';

export interface Resource<T extends KubeObject> extends KindNames {
  /** `group/version` as objects carry it. */
  apiVersion: string;
  /** Exists for the compiler alone. */
  readonly objectType?: T;
}

export function resource<T extends KubeObject>(kindNames: KindNames): Resource<T> {
  return { ...kindNames, apiVersion: apiVersionOf(kindNames) };
}

export const Job = resource<import('./job.ts').Job>(names.Job);
export type Job = import('./job.ts').Job;
export const Task = resource<import('./task.ts').Task>(names.Task);
export type Task = import('./task.ts').Task;
export const Node = resource<import('./node.ts').Node>(names.Node);
export type Node = import('./node.ts').Node;
export const Namespace = resource<import('./namespace.ts').Namespace>(names.Namespace);
export type Namespace = import('./namespace.ts').Namespace;
export const Event = resource<import('./event.ts').Event>(names.Event);
export type Event = import('./event.ts').Event;
export const ConfigMap = resource<import('./config-map.ts').ConfigMap>(names.ConfigMap);
export type ConfigMap = import('./config-map.ts').ConfigMap;
export const Secret = resource<import('./secret.ts').Secret>(names.Secret);
export type Secret = import('./secret.ts').Secret;
export const ServiceAccount = resource<import('./service-account.ts').ServiceAccount>(names.ServiceAccount);
export type ServiceAccount = import('./service-account.ts').ServiceAccount;
export const Service = resource<import('./service.ts').Service>(names.Service);
export type Service = import('./service.ts').Service;
export const EndpointSlice = resource<import('./endpoint-slice.ts').EndpointSlice>(names.EndpointSlice);
export type EndpointSlice = import('./endpoint-slice.ts').EndpointSlice;
export const PersistentVolumeClaim = resource<import('./persistent-volume-claim.ts').PersistentVolumeClaim>(
  names.PersistentVolumeClaim,
);
export type PersistentVolumeClaim = import('./persistent-volume-claim.ts').PersistentVolumeClaim;
export const PersistentVolume = resource<import('./persistent-volume.ts').PersistentVolume>(
  names.PersistentVolume,
);
export type PersistentVolume = import('./persistent-volume.ts').PersistentVolume;
export const StorageClass = resource<import('./storage-class.ts').StorageClass>(names.StorageClass);
export type StorageClass = import('./storage-class.ts').StorageClass;
export const Lease = resource<import('./lease.ts').Lease>(names.Lease);
export type Lease = import('./lease.ts').Lease;
export const PriorityClass = resource<import('./priority-class.ts').PriorityClass>(names.PriorityClass);
export type PriorityClass = import('./priority-class.ts').PriorityClass;
export const PodDisruptionBudget = resource<import('./pod-disruption-budget.ts').PodDisruptionBudget>(
  names.PodDisruptionBudget,
);
export type PodDisruptionBudget = import('./pod-disruption-budget.ts').PodDisruptionBudget;
export const CustomResourceDefinition = resource<
  import('./custom-resource-definition.ts').CustomResourceDefinition
>(names.CustomResourceDefinition);
export type CustomResourceDefinition = import('./custom-resource-definition.ts').CustomResourceDefinition;

/** Every built-in kind, what makes others before what is made: who empties something goes in this order. */
export const builtinResources: readonly Resource<KubeObject>[] = [
  Job,
  Service,
  EndpointSlice,
  Task,
  PersistentVolumeClaim,
  PersistentVolume,
  StorageClass,
  ConfigMap,
  Secret,
  ServiceAccount,
  Lease,
  Event,
  Node,
  Namespace,
  PriorityClass,
  PodDisruptionBudget,
  CustomResourceDefinition,
];
