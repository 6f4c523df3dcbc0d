/** What is written in objects about volumes that live on nodes: names and marks that clients need without the schemas. */
import type { PersistentVolume } from './persistent-volume.ts';

/** StorageClass.provisioner of volumes that are directories of nodes, made where their first task goes. */
export const localProvisioner = 'gantry.dev/local';
/** The class of that provisioner which every cluster has, its default. */
export const localClassName = 'local';
/** Annotation of the StorageClass that claims without one get: "true". */
export const defaultClassAnnotation = 'storageclass.kubernetes.io/is-default-class';
/** Annotation of a volume: who made it. */
export const provisionedByAnnotation = 'pv.kubernetes.io/provisioned-by';

/** metadata.finalizers entries. A claim stays while a task uses it, a volume while it is bound to a claim. */
export const claimProtection = 'kubernetes.io/pvc-protection';
export const volumeProtection = 'kubernetes.io/pv-protection';
/** A volume stays until its node's agent has removed what is in it. */
export const localVolumeFinalizer = 'gantry.dev/local-volume';

const hostnameLabel = 'kubernetes.io/hostname';

/** That a volume is on this node and no other. */
export function affinityTo(node: string): NonNullable<PersistentVolume['spec']['nodeAffinity']> {
  const requirement = { key: hostnameLabel, operator: 'In' as const, values: [node] };
  return { required: { nodeSelectorTerms: [{ matchExpressions: [requirement] }] } };
}

/** The one node a volume is on; undefined when its affinity says anything else. */
export function nodeOfVolume({ spec }: Pick<PersistentVolume, 'spec'>): string | undefined {
  const terms = spec.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  const [{ matchExpressions = [], matchFields = [] } = {}] = terms;
  const [{ key, operator, values = [] } = { key: '', operator: '' }] = matchExpressions;
  const isOne = terms.length === 1 && matchExpressions.length === 1 && matchFields.length === 0;
  return isOne && key === hostnameLabel && operator === 'In' && values.length === 1 ? values[0] : undefined;
}

/** Whether the space it takes is set aside on its node's disk. */
export function isProvisioned({ metadata }: Pick<PersistentVolume, 'metadata'>): boolean {
  return metadata.annotations?.[provisionedByAnnotation] === localProvisioner;
}
