/** What each kind is called. The one table; definitions, typed resources and the registry all read it. */

export interface KindNames {
  /** '' for the core group. */
  group: string;
  version: string;
  kind: string;
  plural: string;
  singular: string;
  shortNames: readonly string[];
  categories: readonly string[];
  namespaced: boolean;
  /** The kind whose objects these are, in another form: a view is not stored itself. */
  viewOf?: { group: string; plural: string };
}

const gantry = {
  group: 'gantry.dev',
  version: 'v1',
  namespaced: true,
  categories: ['all', 'gantry'],
} as const;
const core = { group: '', version: 'v1', namespaced: true, categories: [] } as const;

export const names = {
  Job: { ...gantry, kind: 'Job', plural: 'jobs', singular: 'job', shortNames: ['gj'] },
  Task: { ...gantry, kind: 'Task', plural: 'tasks', singular: 'task', shortNames: ['gt'] },
  Pod: {
    ...core,
    kind: 'Pod',
    plural: 'pods',
    singular: 'pod',
    shortNames: ['po'],
    categories: ['all'],
    viewOf: { group: 'gantry.dev', plural: 'tasks' },
  },
  Namespace: {
    ...core,
    kind: 'Namespace',
    plural: 'namespaces',
    singular: 'namespace',
    shortNames: ['ns'],
    namespaced: false,
  },
  Node: { ...core, kind: 'Node', plural: 'nodes', singular: 'node', shortNames: ['no'], namespaced: false },
  Event: { ...core, kind: 'Event', plural: 'events', singular: 'event', shortNames: ['ev'] },
  ConfigMap: { ...core, kind: 'ConfigMap', plural: 'configmaps', singular: 'configmap', shortNames: ['cm'] },
  Secret: { ...core, kind: 'Secret', plural: 'secrets', singular: 'secret', shortNames: [] },
  ServiceAccount: {
    ...core,
    kind: 'ServiceAccount',
    plural: 'serviceaccounts',
    singular: 'serviceaccount',
    shortNames: ['sa'],
  },
  Service: {
    ...core,
    kind: 'Service',
    plural: 'services',
    singular: 'service',
    shortNames: ['svc'],
    categories: ['all'],
  },
  PersistentVolume: {
    ...core,
    kind: 'PersistentVolume',
    plural: 'persistentvolumes',
    singular: 'persistentvolume',
    shortNames: ['pv'],
    namespaced: false,
  },
  PersistentVolumeClaim: {
    ...core,
    kind: 'PersistentVolumeClaim',
    plural: 'persistentvolumeclaims',
    singular: 'persistentvolumeclaim',
    shortNames: ['pvc'],
  },
  StorageClass: {
    group: 'storage.k8s.io',
    version: 'v1',
    kind: 'StorageClass',
    plural: 'storageclasses',
    singular: 'storageclass',
    shortNames: ['sc'],
    categories: [],
    namespaced: false,
  },
  EndpointSlice: {
    group: 'discovery.k8s.io',
    version: 'v1',
    kind: 'EndpointSlice',
    plural: 'endpointslices',
    singular: 'endpointslice',
    shortNames: [],
    categories: [],
    namespaced: true,
  },
  Lease: {
    group: 'coordination.k8s.io',
    version: 'v1',
    kind: 'Lease',
    plural: 'leases',
    singular: 'lease',
    shortNames: [],
    categories: [],
    namespaced: true,
  },
  PriorityClass: {
    group: 'scheduling.k8s.io',
    version: 'v1',
    kind: 'PriorityClass',
    plural: 'priorityclasses',
    singular: 'priorityclass',
    shortNames: ['pc'],
    categories: [],
    namespaced: false,
  },
  PodDisruptionBudget: {
    group: 'policy',
    version: 'v1',
    kind: 'PodDisruptionBudget',
    plural: 'poddisruptionbudgets',
    singular: 'poddisruptionbudget',
    shortNames: ['pdb'],
    categories: [],
    namespaced: true,
  },
  CustomResourceDefinition: {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    kind: 'CustomResourceDefinition',
    plural: 'customresourcedefinitions',
    singular: 'customresourcedefinition',
    shortNames: ['crd', 'crds'],
    categories: ['api-extensions'],
    namespaced: false,
  },
} as const satisfies Record<string, KindNames>;

export function apiVersionOf({ group, version }: Pick<KindNames, 'group' | 'version'>): string {
  return group === '' ? version : `${group}/${version}`;
}

/** The same reference, to a task where a Pod is named: what is stored knows no views. */
export function storedReference<T extends { apiVersion?: string; kind?: string }>(reference: T): T {
  const { apiVersion = apiVersionOf(names.Pod), kind } = reference;
  if (kind !== names.Pod.kind || apiVersion !== apiVersionOf(names.Pod)) return reference;
  return { ...reference, apiVersion: apiVersionOf(names.Task), kind: names.Task.kind };
}

/** Namespaces every cluster has. */
export const defaultNamespace = 'default';
export const systemNamespace = 'kube-system';
/** Where node agents renew their leases (kubectl describe node looks there). */
export const nodeLeaseNamespace = 'kube-node-lease';

/** metadata.finalizers entry the namespace controller takes off when the namespace is empty. */
export const namespaceFinalizer = 'gantry.dev/namespace-content';

/** metadata.finalizers entry the API server takes off a definition when its objects are gone. */
export const customResourceFinalizer = 'customresourcecleanup.apiextensions.k8s.io';
