/** Services and endpoints as plain objects, for tests of what is made of them. */
import type { EndpointSlice, Service } from '../../../api/kinds/resources.ts';
import type { ServiceNames } from '../../../nodeagent/dns/zone.ts';

export function service(name: string, spec: object): Service {
  const ports = [{ name: 'http', port: 80, protocol: 'TCP' }];
  return {
    metadata: { name, namespace: 'default', uid: `uid-${name}` },
    spec: { type: 'ClusterIP', sessionAffinity: 'None', ports, ...spec },
  } as unknown as Service;
}

export function slice(endpoints: object[], port = 8080): EndpointSlice {
  return {
    metadata: { name: 's', namespace: 'default' },
    ports: [{ name: 'http', protocol: 'TCP', port }],
    endpoints: endpoints.map((endpoint) => ({ conditions: {}, ...endpoint })),
  } as unknown as EndpointSlice;
}

export function namesOf(
  services: readonly Service[],
  slices: Readonly<Record<string, EndpointSlice[]>>,
  jobs: Readonly<Record<string, EndpointSlice[]>> = {},
): ServiceNames {
  return {
    isKnown: true,
    service: (namespace, name) =>
      services.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace),
    serviceAt: (address) => services.find(({ spec }) => spec.clusterIP === address),
    slicesOf: (_namespace, name) => slices[name] ?? [],
    slicesOfJob: (namespace, job) => (namespace === 'default' ? (jobs[job] ?? []) : []),
  };
}
