/** The rules of ObjectMeta that hold for every kind. Pure; expects the schema of metadata to hold. */
import type { AnyKind } from '../kinds/define-kind.ts';
import { customResourceFinalizer } from '../kinds/names.ts';
import type { Cause } from '../meta/api-error.ts';
import { dnsLabelError, dnsSubdomainError, labelValueError, qualifiedNameError } from '../meta/names.ts';
import type { AnyObject, ObjectMeta } from '../meta/object-meta.ts';

/** Kubernetes' limit for annotations; no honest labels come near it. */
const maxMapBytes = 256 * 1024;
/** Finalizers of Kubernetes' own that are not a domain and a name. */
const plainFinalizers = ['kubernetes', 'orphan', 'foregroundDeletion', customResourceFinalizer];

export function validateMetadata(kind: AnyKind, object: AnyObject, old?: AnyObject): Cause[] {
  const { metadata } = object;
  return [
    ...nameCauses(kind, metadata),
    ...namespaceCauses(kind, metadata),
    ...labelCauses(metadata.labels),
    ...annotationCauses(metadata.annotations),
    ...ownerCauses(metadata),
    ...finalizerCauses(metadata, old?.metadata),
  ];
}

function nameCauses({ strategy }: AnyKind, { name, generateName }: ObjectMeta): Cause[] {
  const nameError = strategy.nameError ?? dnsSubdomainError;
  if (name) return causeIf('metadata.name', nameError(name));
  if (!generateName) {
    return [
      { field: 'metadata.name', message: 'name or generateName is required', reason: 'FieldValueRequired' },
    ];
  }
  // Five characters are put behind the prefix, so it may end in what a name may not.
  return causeIf('metadata.generateName', nameError(`${generateName}xxxxx`));
}

function namespaceCauses({ namespaced }: AnyKind, { namespace }: ObjectMeta): Cause[] {
  if (namespaced) return causeIf('metadata.namespace', dnsLabelError(namespace ?? ''));
  if (!namespace) return [];
  return [
    { field: 'metadata.namespace', message: 'not allowed on this type', reason: 'FieldValueForbidden' },
  ];
}

function labelCauses(labels: ObjectMeta['labels'] = {}): Cause[] {
  const tooLong = sizeCauses('metadata.labels', labels);
  if (tooLong.length > 0) return tooLong;
  return Object.entries(labels).flatMap(([key, value]) => [
    ...causeIf(`metadata.labels[${key}]`, qualifiedNameError(key)),
    ...causeIf(`metadata.labels[${key}]`, labelValueError(value)),
  ]);
}

function annotationCauses(annotations: ObjectMeta['annotations'] = {}): Cause[] {
  const tooLong = sizeCauses('metadata.annotations', annotations);
  if (tooLong.length > 0) return tooLong;
  return Object.keys(annotations).flatMap((key) =>
    causeIf(`metadata.annotations[${key}]`, qualifiedNameError(key.toLowerCase())),
  );
}

/** Beyond the limit nothing else is looked at: it bounds the work for hostile objects. */
function sizeCauses(field: string, map: Record<string, string>): Cause[] {
  let bytes = 0;
  for (const [key, value] of Object.entries(map)) bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  return causeIf(
    field,
    bytes > maxMapBytes ? `Too long: may not be more than ${maxMapBytes} bytes in all` : undefined,
  );
}

function ownerCauses({ ownerReferences = [], uid }: ObjectMeta): Cause[] {
  const causes = ownerReferences.flatMap((owner, index) => {
    const field = `metadata.ownerReferences[${index}]`;
    const empty = (['apiVersion', 'kind', 'name', 'uid'] as const).filter((part) => owner[part] === '');
    return [
      ...empty.map(
        (part): Cause => ({
          field: `${field}.${part}`,
          message: 'must not be empty',
          reason: 'FieldValueRequired',
        }),
      ),
      ...causeIf(`${field}.uid`, owner.uid === uid ? 'an object cannot own itself' : undefined),
    ];
  });
  const controllers = ownerReferences.filter(({ controller }) => controller === true).length;
  const problem = controllers > 1 ? 'only one owner can have controller set to true' : undefined;
  return [...causes, ...causeIf('metadata.ownerReferences', problem)];
}

function finalizerCauses({ finalizers = [] }: ObjectMeta, old?: ObjectMeta): Cause[] {
  const causes = finalizers.flatMap((finalizer, index) => {
    const problem =
      qualifiedNameError(finalizer) ??
      (finalizer.includes('/') || plainFinalizers.includes(finalizer)
        ? undefined
        : 'must be a domain and a name, such as example.com/cleanup');
    return causeIf(`metadata.finalizers[${index}]`, problem);
  });
  const added = finalizers.filter((finalizer) => !old?.finalizers?.includes(finalizer));
  if (old?.deletionTimestamp && added.length > 0) {
    causes.push({
      field: 'metadata.finalizers',
      message: 'no new finalizers can be added if the object is being deleted',
      reason: 'FieldValueForbidden',
    });
  }
  return causes;
}

function causeIf(field: string, problem: string | undefined): Cause[] {
  return problem === undefined ? [] : [{ field, message: problem }];
}
