/**
 * Which lists of Kubernetes' own kinds a strategic merge patch merges, and by which key: `patchMergeKey` and
 * `patchStrategy: merge` of Kubernetes' types. All other lists are replaced as a whole (a Node's taints, too).
 */
import { type KindNames, names } from '../kinds/names.ts';

/** Paths of lists, with the member that tells items apart; '' for lists of plain values. */
export type MergeKeys = Readonly<Record<string, string>>;

const metadata: MergeKeys = { 'metadata.ownerReferences': 'uid', 'metadata.finalizers': '' };
const conditions: MergeKeys = { 'status.conditions': 'type' };

const container = (path: string): MergeKeys => ({
  [path]: 'name',
  [`${path}.env`]: 'name',
  [`${path}.ports`]: 'containerPort',
  [`${path}.volumeMounts`]: 'mountPath',
  [`${path}.volumeDevices`]: 'devicePath',
});

const keysByKind: Readonly<Record<string, MergeKeys>> = {
  Node: { ...conditions, 'status.addresses': 'type', 'spec.podCIDRs': '' },
  Namespace: conditions,
  Service: { ...conditions, 'spec.ports': 'port' },
  ServiceAccount: { secrets: 'name' },
  Pod: {
    ...conditions,
    ...container('spec.containers'),
    ...container('spec.initContainers'),
    ...container('spec.ephemeralContainers'),
    'spec.volumes': 'name',
    'spec.imagePullSecrets': 'name',
    'spec.hostAliases': 'ip',
    'spec.topologySpreadConstraints': 'topologyKey',
    'status.podIPs': 'ip',
    'status.hostIPs': 'ip',
  },
};

/** Undefined for kinds of our own and custom ones: clients patch those with merge patches. */
export function mergeKeysOf({ group, kind }: Pick<KindNames, 'group' | 'kind'>): MergeKeys | undefined {
  const ours = group === names.Job.group;
  const builtIn = Object.values<KindNames>(names).some((each) => each.group === group && each.kind === kind);
  if (ours || !(builtIn || group === '')) return undefined;
  return { ...metadata, ...keysByKind[kind] };
}
