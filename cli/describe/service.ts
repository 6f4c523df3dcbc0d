/** A service as an outline: under which names and addresses which endpoints are reached. */
import type { Endpoint } from '../../api/kinds/endpoint-slice.ts';
import type { EndpointSlice, Service } from '../../api/kinds/resources.ts';
import { metadataEntries } from './generic.ts';
import { type Entry, line, pairs } from './outline.ts';

/** `slices` are all of the service. */
export function describeService(service: Service, slices: readonly EndpointSlice[], nowMs: number): Entry[] {
  const { spec } = service;
  return [
    ...metadataEntries(service, nowMs),
    ...line('Type', spec.type),
    ...pairs('Selector', spec.selector),
    ...line('Cluster IP', spec.clusterIP),
    ...line('External Name', spec.externalName),
    { key: 'Ports', value: (spec.ports ?? []).map(portText) },
    ...line('Session Affinity', spec.sessionAffinity),
    { key: 'Endpoints', rows: endpointRows(slices) },
  ];
}

function portText({
  name,
  port,
  protocol,
  targetPort,
  nodePort,
}: NonNullable<Service['spec']['ports']>[number]): string {
  return `${name === undefined ? '' : `${name} `}${port}/${protocol} -> ${targetPort ?? port}${nodePort ? `, ${nodePort} on every node` : ''}`;
}

function endpointRows(slices: readonly EndpointSlice[]): string[][] {
  const rows = slices.flatMap(({ endpoints, ports }) =>
    endpoints.map((endpoint) => [
      endpoint.targetRef?.name ?? endpoint.addresses[0] ?? '',
      ports.map(({ port }) => `${endpoint.addresses[0]}:${port}`).join(','),
      endpoint.nodeName ?? '',
      stateOf(endpoint),
    ]),
  );
  return rows.length === 0 ? [['<none>']] : rows;
}

function stateOf({ conditions: { ready = true, terminating = false } }: Endpoint): string {
  if (terminating) return 'ending';
  return ready ? 'ready' : 'not ready';
}
