/** What names mean inside a task, in Kubernetes' fields: its own, those of others, and who is asked for them. */
import type { Static } from 'typebox';
import type { Cause } from '../meta/api-error.ts';
import { isIpAddress } from '../meta/ip-address.ts';
import { dnsLabelError, dnsSubdomainError } from '../meta/names.ts';
import { closedObject, flag, list, oneOf, optional, text } from './shapes.ts';

const ip = (address: string): boolean => isIpAddress(address, 4) || isIpAddress(address, 6);

const maxSearches = 32;
const maxSearchLength = 2048;

const dnsConfigShape = closedObject(
  {
    nameservers: optional(
      list(text('Address.'), 'Name servers, after those of the policy.', { maxItems: 3 }),
    ),
    searches: optional(list(text('Domain.'), 'Search domains, after those of the policy.')),
    options: optional(
      list(
        closedObject({ name: text('ndots, timeout, …'), value: optional(text('Its value.')) }),
        'Options of resolv.conf, over those of the policy.',
      ),
    ),
  },
  { description: 'What resolv.conf says besides.' },
);

const hostAliasShape = closedObject(
  { ip: text('Address.'), hostnames: optional(list(text('A name.'), 'Its names.')) },
  { description: 'A line of /etc/hosts.' },
);

/** Fields of a task's spec. */
export const taskNameFields = {
  hostname: optional(text("Host name inside the containers; default is the task's name.")),
  subdomain: optional(
    text('Headless service in whose domain the host name is: <hostname>.<subdomain>.<namespace>.svc.<cell>.'),
  ),
  hostAliases: optional(list(hostAliasShape, 'Further lines of /etc/hosts.', { mapKeys: ['ip'] })),
  dnsPolicy: optional(
    oneOf(
      ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'],
      "ClusterFirst, the default: the cluster's names, then the node's. Default: as on the node. None: dnsConfig alone.",
    ),
  ),
  dnsConfig: optional(dnsConfigShape),
  enableServiceLinks: optional(
    flag('Whether the services of the namespace are told by environment variables. Default: true.'),
  ),
};

export type DnsConfig = Static<typeof dnsConfigShape>;
export type HostAlias = Static<typeof hostAliasShape>;

interface TaskNames {
  hostname?: string;
  subdomain?: string;
  hostAliases?: HostAlias[];
  dnsPolicy?: string;
  dnsConfig?: DnsConfig;
}

export function validateTaskNames(spec: TaskNames, path: string): Cause[] {
  const { hostname, subdomain, hostAliases = [], dnsPolicy, dnsConfig = {} } = spec;
  return [
    ...problemAt(`${path}.hostname`, hostname && dnsLabelError(hostname)),
    ...problemAt(`${path}.subdomain`, subdomain && dnsLabelError(subdomain)),
    ...hostAliases.flatMap((alias, index) => validateAlias(alias, `${path}.hostAliases[${index}]`)),
    ...(dnsPolicy === 'None' && !dnsConfig.nameservers?.length
      ? problemAt(
          `${path}.dnsConfig.nameservers`,
          'must provide at least one DNS nameserver when `dnsPolicy` is None',
        )
      : []),
    ...validateDnsConfig(dnsConfig, `${path}.dnsConfig`),
  ];
}

function validateAlias({ ip: address, hostnames = [] }: HostAlias, path: string): Cause[] {
  return [
    ...problemAt(`${path}.ip`, ip(address) ? undefined : 'must be a valid IP address'),
    ...hostnames.flatMap((name, index) => problemAt(`${path}.hostnames[${index}]`, dnsSubdomainError(name))),
  ];
}

function validateDnsConfig(
  { nameservers = [], searches = [], options = [] }: DnsConfig,
  path: string,
): Cause[] {
  const length = searches.join(' ').length;
  return [
    ...nameservers.flatMap((address, index) =>
      problemAt(`${path}.nameservers[${index}]`, ip(address) ? undefined : 'must be a valid IP address'),
    ),
    ...problemAt(
      `${path}.searches`,
      searches.length > maxSearches || length > maxSearchLength
        ? `must be at most ${maxSearches} domains of together ${maxSearchLength} characters`
        : undefined,
    ),
    ...searches.flatMap((domain, index) => problemAt(`${path}.searches[${index}]`, searchError(domain))),
    ...options.flatMap(({ name, value = '' }, index) => [
      ...problemAt(`${path}.options[${index}].name`, /^[\w-]+$/.test(name) ? undefined : 'must be one word'),
      ...problemAt(
        `${path}.options[${index}].value`,
        /^[\w.-]*$/.test(value) ? undefined : 'must be one word',
      ),
    ]),
  ];
}

/** Also `.`, and domains of names that begin with an underscore. */
function searchError(domain: string): string | undefined {
  if (domain === '.') return undefined;
  return dnsSubdomainError(domain.replace(/\.$/, '').replaceAll(/(^|\.)_/g, '$1'));
}

function problemAt(field: string, message: string | undefined): Cause[] {
  return message === undefined || message === '' ? [] : [{ field, message }];
}
