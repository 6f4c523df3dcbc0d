/**
 * Addresses of services as rules of the kernel: whoever opens a connection to one is led to a ready endpoint.
 * Pure: services and endpoints in, one nft table out. The text replaces the whole table in one transaction
 * of the kernel, so that nobody ever meets half of it.
 */
import type { Endpoint } from '../../api/kinds/endpoint-slice.ts';
import type { EndpointSlice, Service } from '../../api/kinds/resources.ts';
import { isReady } from '../dns/zone.ts';

export const tableName = 'gantry';

export interface VirtualIpInput {
  services: readonly Service[];
  slicesOf: (namespace: string, service: string) => readonly EndpointSlice[];
  /** For services that only want endpoints of their client's own node. */
  node: string;
  /** The node's own, on which services have ports. */
  nodeAddress: string;
}

type Target = string;

interface ServicePortRule {
  address: string;
  protocol: string;
  port: number;
  /** `10.0.0.1 . 8080`, in their order. */
  targets: Target[];
  sticky: boolean;
  /** Connections come from the node: their answers find back through it, whichever node the endpoint is on. */
  fromNode?: boolean;
}

/** What `nft -f -` takes. Equal input gives equal text. */
export function virtualIpTable(input: VirtualIpInput): string {
  const rules = input.services.flatMap((service) => [
    ...rulesOf(service, input),
    ...nodePortRules(service, input),
  ]);
  rules.sort((left, right) => (sortKey(left) < sortKey(right) ? -1 : 1));
  const reachable = rules.filter(({ targets }) => targets.length > 0);
  const empty = rules.filter(({ targets }) => targets.length === 0);
  return [
    `add table ip ${tableName}`,
    `delete table ip ${tableName}`,
    `table ip ${tableName} {`,
    ...chain('services', '', reachable.map(translation)),
    ...chain('unreachable', '', empty.map(refusal)),
    ...chain('prerouting', 'type nat hook prerouting priority dstnat; policy accept;', ['jump services']),
    ...chain('output', 'type nat hook output priority -100; policy accept;', ['jump services']),
    ...chain('filter_output', 'type filter hook output priority filter; policy accept;', [
      'jump unreachable',
      // While the agent starts again nobody is told that there is no DNS: who asked asks again, and is answered.
      `ip saddr ${input.nodeAddress} icmp type destination-unreachable ${aboutDns} drop`,
    ]),
    ...chain('filter_forward', 'type filter hook forward priority filter; policy accept;', [
      'jump unreachable',
    ]),
    // Back to where it came from: without another source the answer would take the short way.
    ...chain('postrouting', 'type nat hook postrouting priority srcnat; policy accept;', [
      `iifname "${taskBridge}" oifname "${taskBridge}" ct status dnat masquerade`,
      `meta mark & ${fromNodeMark} == ${fromNodeMark} masquerade`,
    ]),
    '}',
    '',
  ].join('\n');
}

/** Behind the header of ICMP (8 bytes) is that of the datagram it is about (20), then its ports: to 53. */
const aboutDns = '@th,240,16 53';

/** As kube-proxy marks them. */
const fromNodeMark = '0x4000';

/** The bridge of tasks with a network of their own. */
export const taskBridge = 'gantry-tasks';

/** nft of Debian 12 wants a line of its own for the closing brace. */
function chain(name: string, hook: string, rules: readonly string[]): string[] {
  return [`chain ${name} {`, ...(hook === '' ? [] : [hook]), ...rules, '}'];
}

function rulesOf({ metadata, spec }: Service, { slicesOf, node }: VirtualIpInput): ServicePortRule[] {
  const { type, clusterIP: address = 'None', ports = [], sessionAffinity, internalTrafficPolicy } = spec;
  if (type === 'ExternalName' || address === 'None') return [];
  const slices = slicesOf(metadata.namespace ?? '', metadata.name);
  const isNear = ({ nodeName }: Endpoint): boolean => internalTrafficPolicy !== 'Local' || nodeName === node;
  return ports.map(({ name = '', protocol, port }) => ({
    ...{ address, protocol, port },
    sticky: sessionAffinity === 'ClientIP',
    targets: targetsOf(slices, { name, protocol, isNear }),
  }));
}

/** A port without an endpoint is one nobody listens on: the kernel refuses by itself. */
function nodePortRules(
  { metadata, spec }: Service,
  { slicesOf, node, nodeAddress: address }: VirtualIpInput,
): ServicePortRule[] {
  const { ports = [], sessionAffinity, externalTrafficPolicy } = spec;
  const slices = slicesOf(metadata.namespace ?? '', metadata.name);
  const isLocal = externalTrafficPolicy === 'Local';
  const isNear = ({ nodeName }: Endpoint): boolean => !isLocal || nodeName === node;
  return ports.flatMap(({ name = '', protocol, nodePort }): ServicePortRule[] => {
    const targets = targetsOf(slices, { name, protocol, isNear });
    if (!nodePort || targets.length === 0) return [];
    const sticky = sessionAffinity === 'ClientIP';
    return [{ address, protocol, port: nodePort, targets, sticky, fromNode: !isLocal }];
  });
}

/** The ready ones; when there are none, those that still serve while they end. */
function targetsOf(
  slices: readonly EndpointSlice[],
  wanted: { name: string; protocol: string; isNear: (endpoint: Endpoint) => boolean },
): Target[] {
  const among = (isGood: (endpoint: Endpoint) => boolean): Target[] =>
    slices.flatMap(({ endpoints, ports }) => {
      const port = ports.find(
        ({ name, protocol }) => name === wanted.name && protocol === wanted.protocol,
      )?.port;
      if (port === undefined) return [];
      return endpoints
        .filter((endpoint) => wanted.isNear(endpoint) && isGood(endpoint))
        .map(({ addresses }) => `${addresses[0]} . ${port}`);
    });
  const ready = among(isReady);
  const targets = ready.length > 0 ? ready : among(({ conditions }) => conditions.serving === true);
  return [...new Set(targets)].sort();
}

function translation({ targets, sticky, fromNode, ...rule }: ServicePortRule): string {
  const [only] = targets;
  const match = `${matchOf(rule)}${fromNode ? ` meta mark set meta mark or ${fromNodeMark}` : ''}`;
  if (targets.length === 1) return `${match} dnat to ${only?.replace(' . ', ':')}`;
  const choice = sticky ? 'jhash ip saddr' : 'numgen random';
  const map = targets.map((target, index) => `${index} : ${target}`).join(', ');
  return `${match} dnat ip addr . port to ${choice} mod ${targets.length} map { ${map} }`;
}

/** At once, as a machine without a listener does; without it the caller would wait. */
function refusal(rule: ServicePortRule): string {
  return `${matchOf(rule)} reject${rule.protocol === 'TCP' ? ' with tcp reset' : ''}`;
}

function matchOf({
  address,
  protocol,
  port,
}: Pick<ServicePortRule, 'address' | 'protocol' | 'port'>): string {
  return `ip daddr ${address} ${protocol.toLowerCase()} dport ${port}`;
}

function sortKey({ address, protocol, port }: ServicePortRule): string {
  return `${address} ${protocol} ${port}`;
}
