/**
 * An owner must be where the garbage collector looks for it: in the namespace of what it owns, or in none.
 * Only references that a write adds are looked at, and only what the cache knows is refused: an owner that
 * is not there (yet) is the collector's matter.
 */
import { names, storedReference } from '../kinds/names.ts';
import type { Cause } from '../meta/api-error.ts';
import type { AnyObject, OwnerReference } from '../meta/object-meta.ts';
import type { Call } from './call.ts';
import { invalidError } from './field-errors.ts';
import type { ServedKind } from './kind-table.ts';

/** Throws ApiError Invalid. Names owners as they are stored. */
export function admitOwners(call: Call, object: AnyObject, old?: AnyObject): void {
  const { ownerReferences } = object.metadata;
  if (ownerReferences) object.metadata.ownerReferences = ownerReferences.map(storedReference);
  const known = new Set(old?.metadata.ownerReferences?.map(({ uid }) => uid));
  const causes = (object.metadata.ownerReferences ?? []).flatMap((owner, index): Cause[] => {
    const problem = known.has(owner.uid) ? undefined : ownerProblem(call, owner, object);
    const field = `metadata.ownerReferences[${index}]`;
    return problem === undefined
      ? []
      : [{ field, message: `Forbidden: ${problem}`, reason: 'FieldValueForbidden' }];
  });
  if (causes.length > 0) throw invalidError(call.served.kind, object.metadata.name, causes);
}

function ownerProblem(
  { backend, served }: Call,
  owner: OwnerReference,
  { metadata: { namespace } }: AnyObject,
): string | undefined {
  const [version = '', group = ''] = owner.apiVersion.split('/').reverse();
  const ownerKind = backend.kinds.byKind(group, version, owner.kind);
  if (!ownerKind?.kind.namespaced) return undefined;
  if (!served.kind.namespaced) return `a ${owner.kind} is in a namespace and can own nothing outside of it`;
  const elsewhere = namespaceOf(owner, ownerKind, { backend, first: namespace ?? '' });
  if (elsewhere === undefined || elsewhere === namespace) return undefined;
  return `the owner is in namespace ${JSON.stringify(elsewhere)}: an owner and what it owns must be in the same one`;
}

/** The namespace the owner lives in, `first` looked at first; undefined where it is not known. */
function namespaceOf(
  { name, uid }: OwnerReference,
  { kind }: ServedKind,
  { backend: { cache }, first }: { backend: Call['backend']; first: string },
): string | undefined {
  const objects = cache.kind(kind);
  return [first, ...cache.kind(names.Namespace).keys].find(
    (namespace) => objects.get(`${namespace}/${name}`)?.parse().metadata.uid === uid,
  );
}
