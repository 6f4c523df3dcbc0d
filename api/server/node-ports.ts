/**
 * Ports of services on every node: allotted when a service wants some, kept over updates, given back when its
 * type changes. That nobody else has the same is seen to by claims (claims.ts).
 */
import { names } from '../kinds/names.ts';
import { firstNodePort, hasNodePorts, isExternal, lastNodePort } from '../kinds/node-ports.ts';
import type { Service, ServicePort } from '../kinds/service.ts';
import { ApiError } from '../meta/api-error.ts';
import type { Call } from './call.ts';

type Backend = Call['backend'];
type Spec = Service['spec'];

/** Whether the draft leaves it to the server which ports it gets. */
export function wantsNodePort(spec: Partial<Spec>): boolean {
  const { type = 'ClusterIP', ports = [] } = spec;
  return hasNodePorts({ ...spec, type }) && ports.some(({ nodePort }) => !nodePort);
}

/** The spec with its node ports. Throws ApiError InsufficientStorage when all are taken. */
export function withNodePorts(backend: Backend, spec: Spec, before: Spec | undefined): Spec {
  if (!isExternal(spec)) return withoutNodePorts(spec);
  const { ports = [] } = spec;
  const kept = before?.ports ?? [];
  const wanted = ports.map((port) => ({ ...port, nodePort: port.nodePort || portBefore(port, kept) }));
  const free = wantsNodePort({ ...spec, ports: wanted }) ? freePorts(backend, wanted) : undefined;
  return {
    ...spec,
    externalTrafficPolicy: spec.externalTrafficPolicy ?? before?.externalTrafficPolicy ?? 'Cluster',
    ports: wanted.map(({ nodePort, ...port }) => {
      const number = nodePort || free?.next().value;
      return { ...port, ...(number === undefined ? {} : { nodePort: number }) };
    }),
  };
}

function withoutNodePorts({ externalTrafficPolicy: _policy, ...spec }: Spec): Spec {
  if (!spec.ports) return spec;
  return { ...spec, ports: spec.ports.map(({ nodePort: _nodePort, ...port }) => port) };
}

function portBefore({ port, protocol }: ServicePort, before: readonly ServicePort[]): number | undefined {
  return before.find((each) => each.port === port && each.protocol === protocol)?.nodePort;
}

/** Those no service known here has, from a random one on, so that servers seldom choose the same. */
function* freePorts(
  { cache, kinds, random }: Backend,
  own: readonly ServicePort[],
): Generator<number, undefined> {
  const kind = kinds.byPlural('', 'v1', names.Service.plural)?.kind;
  const services = kind ? [...cache.kind(names.Service).list()] : [];
  const external = services.filter((each) => kind && each.field(kind, 'spec.type') !== 'ClusterIP');
  const specs = external.map((each) => each.parse().spec as unknown as Spec);
  const taken = new Set(
    [...specs.flatMap(({ ports = [] }) => ports), ...own].map(({ nodePort }) => nodePort),
  );
  const count = lastNodePort - firstNodePort + 1;
  const start = Math.floor(random.next() * count);
  for (let step = 0; step < count; step++) {
    const port = firstNodePort + ((start + step) % count);
    if (!taken.has(port)) yield port;
  }
  throw new ApiError('InsufficientStorage', 'every port that services may have on nodes is taken');
}
