/** What every cluster has from its first moment: the namespaces of the house, Borg's priority bands, and a
 * class of volumes. */
import type { AnyKind } from '../kinds/define-kind.ts';
import {
  apiVersionOf,
  defaultNamespace,
  names,
  nodeLeaseNamespace,
  systemNamespace,
} from '../kinds/names.ts';
import { bands } from '../kinds/priority-bands.ts';
import { defaultClassAnnotation, localClassName, localProvisioner } from '../kinds/volume-names.ts';
import { hasReason } from '../meta/api-error.ts';
import type { AnyObject } from '../meta/object-meta.ts';
import type { Backend } from './call.ts';
import { stampObject } from './object-lifecycle.ts';
import { validateObject } from './object-validation.ts';

/** Creates what is missing; leaves what exists as it is. */
export async function createInitialObjects(backend: Backend): Promise<void> {
  const namespaces = [defaultNamespace, systemNamespace, nodeLeaseNamespace].map((name) => ({ name }));
  for (const { name } of namespaces) await ensure(backend, names.Namespace, { name, fields: {} });
  for (const { name, priority, description } of bands) {
    await ensure(backend, names.PriorityClass, { name, fields: { value: priority, description } });
  }
  const fields = { provisioner: localProvisioner, volumeBindingMode: 'WaitForFirstConsumer' };
  const annotations = { [defaultClassAnnotation]: 'true' };
  await ensure(backend, names.StorageClass, { name: localClassName, annotations, fields });
}

async function ensure(
  { kinds, cache, objects, clock, random }: Backend,
  { group, version, plural }: Pick<AnyKind, 'group' | 'version' | 'plural'>,
  {
    name,
    annotations,
    fields,
  }: { name: string; annotations?: Record<string, string>; fields: Record<string, unknown> },
): Promise<void> {
  const served = kinds.byPlural(group, version, plural);
  if (!served || cache.kind(served.kind).get(name)) return;
  const object: AnyObject = {
    apiVersion: apiVersionOf(served.kind),
    kind: served.kind.kind,
    metadata: { name, ...(annotations ? { annotations } : {}) },
    ...fields,
  };
  validateObject(served, object);
  stampObject(object, { nowMs: clock.now(), random });
  try {
    await objects.create(served.kind, object, { dryRun: false });
  } catch (error) {
    // Another server of the same cluster started at the same moment.
    if (!hasReason(error, 'AlreadyExists')) throw error;
  }
}
