/**
 * What a node agent may touch, once the object is known: its own Node and Lease, tasks bound to it, the
 * ConfigMaps and Secrets these refer to, and events. A stolen node credential is worth that node's tasks and nothing more (NodeRestriction of
 * Kubernetes).
 */
import { isDeepStrictEqual } from 'node:util';
import type { AnyKind } from '../kinds/define-kind.ts';
import { nodeLeaseNamespace } from '../kinds/names.ts';
import { cpuPolicyLabel } from '../kinds/node-labels.ts';
import type { PersistentVolume } from '../kinds/persistent-volume.ts';
import { nodeOfVolume } from '../kinds/volume-names.ts';
import type { AnyObject } from '../meta/object-meta.ts';
import type { Verb } from './authorize.ts';
import { isAdmin, nodeNameOf, type User } from './user.ts';

export interface Change {
  verb: Verb;
  subresource?: string;
  /** What is to be stored; absent for get and delete. */
  object?: AnyObject;
  /** What is stored now; absent for create. */
  old?: AnyObject;
  /** Whether a task bound to the node refers to the object; looked up only when that matters. */
  isReferenced?: (node: string) => boolean;
}

/** Labels an agent may set on its own Node: what it knows of its machine. All others are the operators'. */
const ownLabels = new Set([
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'node.kubernetes.io/instance-type',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  cpuPolicyLabel,
]);
/** Prefixes that say something about trust or isolation: never an agent's to set. */
const restrictedPrefixes = ['node-restriction.kubernetes.io/', 'node-role.kubernetes.io/'];

const eventVerbs: readonly Verb[] = ['get', 'create', 'update', 'patch'];

/** Why the user, being a node, may not do this; undefined when it may, or is no node. */
export function nodeRefusal(user: User, kind: AnyKind, change: Change): string | undefined {
  const node = nodeNameOf(user);
  if (node === undefined || isAdmin(user)) return undefined;
  switch (`${kind.group}/${kind.plural}`) {
    case 'gantry.dev/tasks':
      return taskRefusal(node, change);
    case '/persistentvolumes':
      return volumeRefusal(node, change);
    case '/nodes':
      return nodeObjectRefusal(node, change);
    case 'coordination.k8s.io/leases':
      return leaseRefusal(node, change);
    case '/configmaps':
    case '/secrets':
      return change.verb === 'get' && change.isReferenced?.(node)
        ? undefined
        : `a node may only read ${kind.plural} that tasks bound to it refer to`;
    case '/services':
    case 'discovery.k8s.io/endpointslices':
      return ['get', 'list', 'watch'].includes(change.verb)
        ? undefined
        : `a node may only read ${kind.plural}`;
    case '/events':
      return eventVerbs.includes(change.verb) ? undefined : 'a node may only record events';
    default:
      return `a node may not touch ${kind.plural}`;
  }
}

function taskRefusal(node: string, { verb, object, old, subresource }: Change): string | undefined {
  const touched = [old, object].filter((task) => task !== undefined);
  if (touched.length === 0 || touched.some((task) => boundTo(task) !== node))
    return 'the task is not bound to this node';
  if (
    (verb === 'update' || verb === 'patch') &&
    subresource !== 'status' &&
    !onlyFinalizersDiffer(object, old)
  )
    return 'a node may only change the status and the finalizers of its tasks';
  if (verb === 'create') return 'a node may not create tasks';
  return undefined;
}

function volumeRefusal(node: string, { verb, object, old, subresource }: Change): string | undefined {
  const touched = [old, object].filter((volume) => volume !== undefined);
  const own = touched.every((volume) => nodeOfVolume(volume as unknown as PersistentVolume) === node);
  if (!own || touched.length === 0) return 'the volume is not on this node';
  if (verb !== 'patch' || (subresource === undefined && onlyFinalizersDiffer(object, old))) return undefined;
  return 'a node may only change the finalizers of its volumes';
}

function boundTo(task: AnyObject): unknown {
  return task.spec?.['nodeName'];
}

function onlyFinalizersDiffer(object?: AnyObject, old?: AnyObject): boolean {
  const rest = (task?: AnyObject): string => {
    if (!task) return '';
    const { finalizers: _finalizers, ...metadata } = task.metadata;
    return JSON.stringify([metadata.labels, metadata.annotations, metadata.ownerReferences, task.spec]);
  };
  return rest(object) === rest(old);
}

function nodeObjectRefusal(node: string, { verb, object, old, subresource }: Change): string | undefined {
  const name = (object ?? old)?.metadata.name;
  if (name !== node || (old && old.metadata.name !== node)) return 'this is another node';
  if (verb === 'delete' || verb === 'deletecollection') return 'a node may not delete itself';
  if (object === undefined || subresource === 'status') return undefined;
  return labelRefusal(object, old) ?? (old ? specRefusal(object, old) : undefined);
}

/** On creation an agent labels its Node freely (`--labels`), short of the restricted prefixes. */
function labelRefusal(object: AnyObject, old?: AnyObject): string | undefined {
  const [next, previous] = [object.metadata.labels ?? {}, old?.metadata.labels ?? {}];
  const changed = [...new Set([...Object.keys(next), ...Object.keys(previous)])].filter(
    (key) => next[key] !== previous[key],
  );
  const refused = changed.find(
    (key) =>
      restrictedPrefixes.some((prefix) => key.startsWith(prefix)) ||
      (old !== undefined && !ownLabels.has(key)),
  );
  return refused === undefined ? undefined : `a node may not set the label ${refused}`;
}

/** Cordon and taints are decisions about a node, not of it; it may only keep more tasks away from itself. */
function specRefusal(object: AnyObject, old: AnyObject): string | undefined {
  const { taints: next = [], ...spec } = object.spec ?? {};
  const { taints: previous = [], ...oldSpec } = old.spec ?? {};
  const kept = new Set((next as unknown[]).map((taint) => JSON.stringify(taint)));
  const keepsAll = (previous as unknown[]).every((taint) => kept.has(JSON.stringify(taint)));
  return keepsAll && isDeepStrictEqual(spec, oldSpec)
    ? undefined
    : 'a node may not change its own spec (remove taints, uncordon)';
}

function leaseRefusal(node: string, { object, old }: Change): string | undefined {
  const touched = [old, object].filter((lease) => lease !== undefined);
  const own = touched.every(
    ({ metadata }) => metadata.name === node && metadata.namespace === nodeLeaseNamespace,
  );
  return own && touched.length > 0 ? undefined : 'a node may only touch the lease of its own name';
}
