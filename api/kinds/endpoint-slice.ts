/**
 * EndpointSlice (discovery.k8s.io/v1): some of the endpoints of a service, all with the same ports. Kept by
 * the endpoints controller from ready tasks, or by anybody for a service without a selector.
 */
import Type, { type Static } from 'typebox';
import type { Cause } from '../meta/api-error.ts';
import { isIpAddress } from '../meta/ip-address.ts';
import { ageColumn, defineKind } from './define-kind.ts';
import { names } from './names.ts';
import {
  closedObject,
  count,
  flag,
  list,
  objectShape,
  oneOf,
  optional,
  text,
  withDefault,
} from './shapes.ts';

const endpointShape = closedObject(
  {
    addresses: Type.Array(Type.String(), {
      minItems: 1,
      maxItems: 100,
      description: 'Where it is reached; the first counts.',
    }),
    conditions: withDefault(
      closedObject({
        ready: optional(flag('It takes connections and will go on to.')),
        serving: optional(flag('It takes connections, though it may be about to end.')),
        terminating: optional(flag('It is about to end.')),
      }),
      {},
    ),
    hostname: optional(text('Its name within a headless service.')),
    nodeName: optional(text('The node it is on.')),
    zone: optional(Type.String()),
    targetRef: optional(
      closedObject({
        apiVersion: optional(Type.String()),
        kind: optional(Type.String()),
        namespace: optional(Type.String()),
        name: optional(Type.String()),
        uid: optional(Type.String()),
        resourceVersion: optional(Type.String()),
        fieldPath: optional(Type.String()),
      }),
    ),
  },
  { description: 'One endpoint.' },
);

const endpointPortShape = closedObject(
  {
    name: withDefault(text('Name of the port of the service; empty when it has none.'), ''),
    protocol: withDefault(oneOf(['TCP', 'UDP'], 'Transport protocol.'), 'TCP'),
    port: optional(count('Port of the endpoints.', { minimum: 1, maximum: 65535 })),
    appProtocol: optional(Type.String()),
  },
  { description: 'A port of all endpoints of the slice.' },
);

const endpointSliceShape = objectShape(
  names.EndpointSlice,
  {
    addressType: oneOf(['IPv4', 'IPv6', 'FQDN'], 'What the addresses are. Cannot be changed.'),
    endpoints: withDefault(list(endpointShape, 'The endpoints.'), []),
    ports: withDefault(list(endpointPortShape, 'Their ports.', { maxItems: 100 }), []),
  },
  'Some of the endpoints of a service.',
);

export type EndpointSlice = Static<typeof endpointSliceShape>;
export type Endpoint = Static<typeof endpointShape>;
export type EndpointPort = Static<typeof endpointPortShape>;

export const endpointSliceKind = defineKind<EndpointSlice>({
  ...names.EndpointSlice,
  description: 'Some of the endpoints of a service.',
  schema: endpointSliceShape,
  statusSubresource: false,
  columns: [
    {
      name: 'Name',
      type: 'string',
      format: 'name',
      description: 'Name of the slice.',
      cell: ({ metadata }) => metadata.name,
    },
    {
      name: 'AddressType',
      type: 'string',
      description: 'What the addresses are.',
      cell: ({ addressType = '' }) => addressType,
    },
    {
      name: 'Ports',
      type: 'string',
      description: 'Ports of all its endpoints.',
      cell: ({ ports = [] }) => ports.map(({ port }) => port ?? '*').join(',') || '<unset>',
    },
    {
      name: 'Endpoints',
      type: 'string',
      description: 'The addresses.',
      cell: ({ endpoints = [] }) => shownAddresses(endpoints),
    },
    ageColumn,
  ],
  strategy: { validate: validateSlice },
});

function shownAddresses(endpoints: readonly Endpoint[]): string {
  const addresses = [...new Set(endpoints.flatMap((endpoint) => endpoint.addresses))];
  const more = addresses.length > 3 ? ` + ${addresses.length - 3} more...` : '';
  return addresses.slice(0, 3).join(',') + more || '<unset>';
}

function validateSlice({ addressType, endpoints }: EndpointSlice, old?: EndpointSlice): Cause[] {
  const causes: Cause[] = [];
  if (old && old.addressType !== addressType)
    causes.push({ field: 'addressType', message: 'field is immutable', reason: 'FieldValueForbidden' });
  const family = ({ IPv4: 4, IPv6: 6, FQDN: undefined } as const)[addressType];
  for (const [index, { addresses }] of endpoints.entries()) {
    for (const [at, address] of addresses.entries()) {
      if (family !== undefined && !isIpAddress(address, family))
        causes.push({
          field: `endpoints[${index}].addresses[${at}]`,
          message: `Invalid value: ${JSON.stringify(address)}: must be an ${addressType} address`,
        });
    }
  }
  return causes;
}
