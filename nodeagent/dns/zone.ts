/**
 * The names of the cluster, as a pure function of what the node knows of services:
 *
 *   <service>.<ns>.svc.<zone>                 its address; of a headless one, its endpoints'
 *   <host>.<service>.<ns>.svc.<zone>          one endpoint, by host name or by address (10-0-0-7)
 *   <index>.<job>.<ns>.task.<zone>            a task of a job;  <job>.<ns>.task.<zone> all of them
 *   _<port>._<protocol>.<any of the above>    SRV: where that port is
 *
 * Every name exists in the zone of the cell and, for manifests made for Kubernetes, in cluster.local.
 */
import type { Answer } from 'dns-packet';
import type { Endpoint, EndpointPort } from '../../api/kinds/endpoint-slice.ts';
import type { EndpointSlice, Service } from '../../api/kinds/resources.ts';
import type { Random } from '../../api/meta/random.ts';

export interface ServiceNames {
  /** Whether what is not here does not exist. */
  readonly isKnown: boolean;
  service(namespace: string, name: string): Service | undefined;
  serviceAt(address: string): Service | undefined;
  slicesOf(namespace: string, service: string): EndpointSlice[];
  slicesOfJob(namespace: string, job: string): EndpointSlice[];
}

export interface ZoneOptions {
  names: ServiceNames;
  /** `dev`, `cluster.local`: the first is the one that answers name. */
  zones: readonly string[];
  /** Whether addresses of services lead anywhere on this node; if not, their names lead to endpoints. */
  hasVirtualIps: () => boolean;
  random: Random;
}

export interface Question {
  type: string;
  name: string;
}

/** `code` is the DNS response code; NOERROR without answers means: the name has no such record. */
export interface ZoneAnswer {
  code: 'NOERROR' | 'NXDOMAIN' | 'SERVFAIL';
  answers: Answer[];
  additionals: Answer[];
  authorities: Answer[];
  /** The name is an alias of this one, which is elsewhere. */
  alias?: string;
}

export const kubernetesZone = 'cluster.local';
const ttl = 5;

/** Undefined when the name is none of the cluster's. */
export function answerFromZone(options: ZoneOptions, { type, name }: Question): ZoneAnswer | undefined {
  const lowered = name.toLowerCase().replace(/\.$/, '');
  if (lowered.endsWith('.in-addr.arpa')) return answerReverse(options, type, name);
  const zone = options.zones.find((each) => lowered === each || lowered.endsWith(`.${each}`));
  if (zone === undefined) return undefined;
  if (!options.names.isKnown) return { ...nothing, code: 'SERVFAIL' };
  const labels = lowered === zone ? [] : lowered.slice(0, -zone.length - 1).split('.');
  return negative(zone, answerLabels(options, { type, name, labels, zone }));
}

const nothing: ZoneAnswer = { code: 'NOERROR', answers: [], additionals: [], authorities: [] };
const unknown: ZoneAnswer = { ...nothing, code: 'NXDOMAIN' };

interface Asked extends Question {
  labels: string[];
  zone: string;
}

/** Where a port or an address of a name is. */
interface Place {
  host: string;
  address: string;
  ports: readonly EndpointPort[];
}

function answerLabels(options: ZoneOptions, asked: Asked): ZoneAnswer {
  const labels = [...asked.labels];
  const root = labels.pop();
  if (root !== 'svc' && root !== 'task') return root === undefined ? apex(asked) : unknown;
  const namespace = labels.pop();
  const name = labels.pop();
  if (namespace === undefined || name === undefined) return nothing;
  const port = portOf(labels);
  const host = labels.pop();
  if (labels.length > 0) return unknown;
  const service = root === 'svc' ? options.names.service(namespace, name) : undefined;
  if (service?.spec.type === 'ExternalName' && host === undefined && !port)
    return aliasAnswer(asked.name, service.spec.externalName ?? '');
  const all =
    root === 'svc'
      ? service && placesOfService(options, service)
      : placesOf(options.names.slicesOfJob(namespace, name), options.random);
  if (!all || (root === 'task' && all.length === 0)) return unknown;
  const places =
    host === undefined ? all : placesWithHost(all, host, options.names.slicesOf(namespace, name), root);
  if (host !== undefined && places.length === 0) return unknown;
  if (!port) return addressAnswer(asked, places);
  return serviceRecords(asked, { places, port, parent: `${name}.${namespace}.${root}.${asked.zone}` });
}

/** Takes `_http._tcp` off the front. */
function portOf(labels: string[]): { name: string; protocol: string } | undefined {
  const [name, protocol] = labels;
  if (!name?.startsWith('_') || !protocol?.startsWith('_')) return undefined;
  labels.splice(0, 2);
  return { name: name.slice(1), protocol: protocol.slice(1).toUpperCase() };
}

/** Its one address, when that leads anywhere, else its endpoints. */
function placesOfService({ names, hasVirtualIps, random }: ZoneOptions, service: Service): Place[] {
  const { metadata, spec } = service;
  const { clusterIP = 'None' } = spec;
  if (clusterIP !== 'None' && hasVirtualIps()) {
    const ports = (spec.ports ?? []).map(({ name = '', protocol, port }) => ({ name, protocol, port }));
    return [{ host: '', address: clusterIP, ports }];
  }
  return placesOf(names.slicesOf(metadata.namespace ?? '', metadata.name), random);
}

/** Those that are ready, in an order that spreads clients. */
function placesOf(slices: readonly EndpointSlice[], random: Random): Place[] {
  const places = slices.flatMap(({ endpoints, ports }) =>
    endpoints.filter(isReady).map((endpoint) => placeOf(endpoint, ports)),
  );
  for (let at = places.length - 1; at > 0; at--) {
    const other = Math.floor(random.next() * (at + 1));
    [places[at], places[other]] = [places[other]!, places[at]!];
  }
  return places;
}

/** An endpoint that does not say is ready, as in Kubernetes. */
export function isReady({ conditions }: Endpoint): boolean {
  return conditions.ready !== false;
}

function placeOf({ addresses: [address = ''], hostname }: Endpoint, ports: readonly EndpointPort[]): Place {
  return { host: hostname ?? address.replaceAll('.', '-'), address, ports };
}

/** Also of a service with an address of its own, endpoints have names. */
function placesWithHost(
  all: readonly Place[],
  host: string,
  slices: readonly EndpointSlice[],
  root: 'svc' | 'task',
): Place[] {
  const candidates =
    root === 'task'
      ? all
      : slices.flatMap(({ endpoints, ports }) =>
          endpoints.filter(isReady).map((endpoint) => placeOf(endpoint, ports)),
        );
  return candidates.filter((place) => place.host === host || place.address.replaceAll('.', '-') === host);
}

function addressAnswer({ type, name }: Asked, places: readonly Place[]): ZoneAnswer {
  if (type !== 'A' && type !== 'ANY') return nothing;
  const addresses = [...new Set(places.map(({ address }) => address))];
  return { ...nothing, answers: addresses.map((data) => ({ type: 'A', name, ttl, data })) };
}

function serviceRecords(
  { type, name }: Asked,
  {
    places,
    port,
    parent,
  }: { places: readonly Place[]; port: { name: string; protocol: string }; parent: string },
): ZoneAnswer {
  const found = places.flatMap(({ host, address, ports }) =>
    ports
      .filter((each) => each.name === port.name && each.protocol === port.protocol && each.port !== undefined)
      .map((each) => ({ target: host === '' ? parent : `${host}.${parent}`, address, port: each.port ?? 0 })),
  );
  if (found.length === 0) return unknown;
  if (type !== 'SRV' && type !== 'ANY') return nothing;
  const targets = new Map(found.map(({ target, address }) => [target, address]));
  return {
    ...nothing,
    answers: found.map(({ target, port: number }) => ({
      type: 'SRV',
      name,
      ttl,
      data: { priority: 0, weight: 100, port: number, target },
    })),
    additionals: [...targets].map(([target, data]) => ({ type: 'A', name: target, ttl, data })),
  };
}

function aliasAnswer(name: string, externalName: string): ZoneAnswer {
  const alias = externalName.replace(/\.$/, '');
  return { ...nothing, answers: [{ type: 'CNAME', name, ttl, data: alias }], alias };
}

/** Addresses of services; of others somebody else may know. */
function answerReverse({ names, zones }: ZoneOptions, type: string, name: string): ZoneAnswer | undefined {
  const address = name
    .toLowerCase()
    .replace(/\.in-addr\.arpa\.?$/, '')
    .split('.')
    .reverse()
    .join('.');
  const service = names.serviceAt(address);
  if (!service) return undefined;
  if (type !== 'PTR' && type !== 'ANY') return nothing;
  const { name: serviceName, namespace } = service.metadata;
  const data = `${serviceName}.${namespace}.svc.${zones[0]}`;
  return { ...nothing, answers: [{ type: 'PTR', name, ttl, data }] };
}

function apex({ type, name, zone }: Asked): ZoneAnswer {
  return type === 'SOA' || type === 'ANY' ? { ...nothing, answers: [{ ...authority(zone), name }] } : nothing;
}

/** Who gets no answer is told for how long that is so. */
function negative(zone: string, answer: ZoneAnswer): ZoneAnswer {
  return answer.answers.length > 0 ? answer : { ...answer, authorities: [authority(zone)] };
}

function authority(zone: string): Extract<Answer, { type: 'SOA' }> {
  return {
    type: 'SOA',
    name: zone,
    ttl,
    data: {
      mname: `ns.dns.${zone}`,
      rname: `hostmaster.${zone}`,
      serial: 1,
      refresh: 7200,
      retry: 1800,
      expire: 86_400,
      minimum: ttl,
    },
  };
}
