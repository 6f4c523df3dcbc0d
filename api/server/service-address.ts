/**
 * The addresses of services, and their ports on nodes (node-ports.ts): allotted on creation from the service range, kept over updates, checked when
 * the user chose them. That nobody else has the same is seen to by claims (claims.ts).
 */
import type { AnyKind } from '../kinds/define-kind.ts';
import { names } from '../kinds/names.ts';
import type { Service } from '../kinds/service.ts';
import { ApiError } from '../meta/api-error.ts';
import { ipv4Text, isInRange } from '../meta/ip-address.ts';
import type { AnyObject } from '../meta/object-meta.ts';
import type { Call } from './call.ts';
import { invalidError } from './field-errors.ts';
import { kindId } from './keys.ts';
import { wantsNodePort, withNodePorts } from './node-ports.ts';

/** Whether the draft leaves it to the server which address or which ports it gets. */
export function wantsAllotment(kind: AnyKind, draft: AnyObject): boolean {
  if (kindId(kind) !== kindId(names.Service)) return false;
  const { spec = {} } = draft as unknown as { spec?: Partial<Service['spec']> };
  const { type = 'ClusterIP', clusterIP = '' } = spec;
  return (type !== 'ExternalName' && clusterIP === '') || wantsNodePort(spec);
}

/** Gives the service its address and ports. Throws ApiError Invalid for an address outside the range, InsufficientStorage when all are taken. */
export function admitService({ backend, served }: Call, object: AnyObject, old?: AnyObject): void {
  const { spec } = object as unknown as Service;
  const before = old && (old as unknown as Service).spec;
  if (spec.type === 'ExternalName') {
    object.spec = withNodePorts(backend, spec, before);
    return;
  }
  const kept = before && before.type !== 'ExternalName' ? before.clusterIP : undefined;
  const clusterIP = spec.clusterIP ?? kept ?? freeAddress(backend);
  // Another spec: a draft that is tried again still says what was asked for.
  object.spec = { ...withNodePorts(backend, spec, before), clusterIP, clusterIPs: [clusterIP] };
  if (clusterIP === 'None' || isInRange(backend.serviceRange, clusterIP)) return;
  const { base, size } = backend.serviceRange;
  throw invalidError(served.kind, object.metadata.name, [
    {
      field: 'spec.clusterIPs',
      message: `Invalid value: ${JSON.stringify([clusterIP])}: the provided IP is not in the valid range, ${ipv4Text(base)} to ${ipv4Text(base + size - 1)}`,
      reason: 'FieldValueInvalid',
    },
  ]);
}

/** One that no service known here has, from a random place on, so that servers seldom choose the same. */
function freeAddress({ cache, kinds, random, serviceRange: { base, size } }: Call['backend']): string {
  const services = kinds.byPlural('', 'v1', names.Service.plural);
  const taken = new Set<string | undefined>();
  if (services)
    for (const service of cache.kind(names.Service).list())
      taken.add(service.field(services.kind, 'spec.clusterIP'));
  // Neither the range's own name nor its broadcast address.
  const usable = size - 2;
  const start = Math.floor(random.next() * usable);
  for (let step = 0; step < usable; step++) {
    const address = ipv4Text(base + 1 + ((start + step) % usable));
    if (!taken.has(address)) return address;
  }
  throw new ApiError('InsufficientStorage', 'every address of the service range is taken');
}
