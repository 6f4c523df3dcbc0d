/**
 * Does an owner exist? The cache may say yes; only a live read may say no. A uid that was once found
 * absent never comes back, so that much is remembered: the tasks of a large job cost one read, not
 * thousands.
 */
import type { Resource } from '../../api/kinds/resources.ts';
import { hasReason } from '../../api/meta/api-error.ts';
import type { KubeObject, OwnerReference } from '../../api/meta/object-meta.ts';
import type { Client, ObjectKey } from '../../client/client.ts';
import type { Caches } from '../../client/controller.ts';
import type { OwnerState } from './decide.ts';

const maxRemembered = 10_000;

export class OwnerLookup {
  readonly #resources: readonly Resource<KubeObject>[];
  /** Uids found absent, oldest first. */
  readonly #absent = new Set<string>();

  constructor(resources: readonly Resource<KubeObject>[]) {
    this.#resources = resources;
  }

  async stateOf(
    owner: OwnerReference,
    child: KubeObject,
    { client, caches }: { client: Client; caches: Caches },
  ): Promise<OwnerState> {
    if (this.#absent.has(owner.uid)) return 'absent';
    const resource = resourceOf(owner, this.#resources);
    if (!resource) return 'unknown';
    const key = keyOfOwner(owner, resource, child);
    if (caches.cache(resource).get(key)?.metadata.uid === owner.uid) return 'present';
    try {
      if ((await client.get(resource, key)).metadata.uid === owner.uid) return 'present';
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
    this.#remember(owner.uid);
    return 'absent';
  }

  /** Whether `ancestor` owns the object, itself or through what it owns, as far as the caches know. */
  isOwnedBy(object: KubeObject, ancestor: KubeObject, caches: Caches): boolean {
    const seen = new Set<string>();
    const waiting = [object];
    for (let child = waiting.pop(); child; child = waiting.pop()) {
      for (const owner of child.metadata.ownerReferences ?? []) {
        if (owner.uid === ancestor.metadata.uid) return true;
        const resource = seen.has(owner.uid) ? undefined : resourceOf(owner, this.#resources);
        seen.add(owner.uid);
        const found = resource && caches.cache(resource).get(keyOfOwner(owner, resource, child));
        if (found?.metadata.uid === owner.uid) waiting.push(found);
      }
    }
    return false;
  }

  #remember(uid: string): void {
    this.#absent.add(uid);
    const [oldest] = this.#absent;
    if (this.#absent.size > maxRemembered && oldest !== undefined) this.#absent.delete(oldest);
  }
}

/** Undefined for a kind the collector does not know: it must not judge. */
export function resourceOf(
  object: Pick<OwnerReference, 'apiVersion' | 'kind'>,
  resources: readonly Resource<KubeObject>[],
): Resource<KubeObject> | undefined {
  return resources.find((resource) => isOfKind(object, resource));
}

/** In whatever version: all versions of a kind show the same objects. */
export function isOfKind(
  { apiVersion, kind }: Pick<OwnerReference, 'apiVersion' | 'kind'>,
  resource: Resource<KubeObject>,
): boolean {
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  return resource.kind === kind && resource.group === group;
}

/** An owner lives in the namespace of what it owns, or in none. */
export function keyOfOwner(
  owner: OwnerReference,
  resource: Resource<KubeObject>,
  child: KubeObject,
): ObjectKey {
  const { namespace } = child.metadata;
  return resource.namespaced && namespace !== undefined
    ? { namespace, name: owner.name }
    : { name: owner.name };
}
