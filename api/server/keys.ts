/**
 * Keys of the store: `/registry/<group|core>/<plural>/[<namespace>/]<name>` for objects, and
 * `/registry/allocations/<node>` for what is bound to a node, `/registry/claims/<what>` for what one object
 * alone may have and `/registry/disruptions/<budget>` for who took from a budget last, outside any served kind.
 */
import type { KindNames } from '../kinds/names.ts';

export const registryPrefix = '/registry/';
const claimPrefix = '/registry/claims/';
const disruptionPrefix = '/registry/disruptions/';
const allocationPrefix = '/registry/allocations/';

type StoredNames = Pick<KindNames, 'group' | 'plural' | 'viewOf'>;

/** Identifies a kind's objects in the store, whatever version or view of them is served: `core/nodes`. */
export function kindId(kind: StoredNames): string {
  const { group, plural } = kind.viewOf ?? kind;
  return `${group === '' ? 'core' : group}/${plural}`;
}

export function kindPrefix(kind: StoredNames): string {
  return `${registryPrefix}${kindId(kind)}/`;
}

/** `key` is `namespace/name`, or `name` for cluster-scoped kinds. */
export function storeKey(kind: StoredNames, key: string): string {
  return kindPrefix(kind) + key;
}

export function allocationKey(node: string): string {
  return allocationPrefix + node;
}

/** `claim` is `addresses/10.96.0.7`: what one object alone may have. */
export function claimKey(claim: string): string {
  return claimPrefix + claim;
}

/** `budget` is `jobs/default/web`. */
export function disruptionKey(budget: string): string {
  return disruptionPrefix + budget;
}

export type RegistryKey =
  | { type: 'object'; kindId: string; key: string }
  | { type: 'allocation'; node: string }
  | { type: 'unknown' };

export function parseStoreKey(key: string): RegistryKey {
  if (key.startsWith(allocationPrefix))
    return { type: 'allocation', node: key.slice(allocationPrefix.length) };
  if (key.startsWith(claimPrefix) || key.startsWith(disruptionPrefix)) return { type: 'unknown' };
  const afterGroup = key.indexOf('/', registryPrefix.length);
  const afterPlural = key.indexOf('/', afterGroup + 1);
  if (afterGroup < 0 || afterPlural < 0) return { type: 'unknown' };
  return {
    type: 'object',
    kindId: key.slice(registryPrefix.length, afterPlural),
    key: key.slice(afterPlural + 1),
  };
}
