/** resolv.conf: what the node's says, and what its tasks' should. */
import type { DnsConfig } from '../../api/kinds/task-names.ts';

/** More the C libraries do not ask. */
const maxNameservers = 3;

export interface ResolvConf {
  nameservers: string[];
  search: string[];
  /** `ndots:5`. */
  options: string[];
}

/** Later `search` lines win, as in resolv.conf(5). */
export function parseResolvConf(text: string): ResolvConf {
  const lines = text.split('\n').map((line) => line.trim().split(/\s+/));
  const search = lines.filter(([word]) => word === 'search' || word === 'domain').at(-1) ?? [];
  return {
    nameservers: lines
      .filter(([word, address]) => word === 'nameserver' && address)
      .map(([, address = '']) => address)
      .slice(0, maxNameservers),
    search: search.slice(1),
    options: lines.filter(([word]) => word === 'options').flatMap(([, ...options]) => options),
  };
}

export function resolvConfText({ nameservers, search, options }: ResolvConf): string {
  return [
    ...nameservers.map((address) => `nameserver ${address}`),
    ...(search.length > 0 ? [`search ${search.join(' ')}`] : []),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
    '',
  ].join('\n');
}

/** Who answers the cluster's names, and what their last part is. */
export interface TaskResolution {
  nameservers: string[];
  zone: string;
}

/** What the policy starts from; `resolution` is absent where nobody answers the cluster's names. */
export interface ResolutionFacts {
  namespace: string;
  resolution?: TaskResolution | undefined;
  /** The node's own. */
  node: ResolvConf;
}

/** `web`, `web.ns` and `web.ns.svc` are found as they are, unless the policy is another than ClusterFirst. */
export function taskResolvConf(
  { dnsPolicy = 'ClusterFirst', dnsConfig = {} }: { dnsPolicy?: string; dnsConfig?: DnsConfig },
  { namespace, resolution, node }: ResolutionFacts,
): ResolvConf {
  if (dnsPolicy === 'None') return withConfig({ nameservers: [], search: [], options: [] }, dnsConfig);
  if (dnsPolicy === 'Default' || !resolution) return withConfig(node, dnsConfig);
  const { nameservers, zone } = resolution;
  const search = [`${namespace}.svc.${zone}`, `svc.${zone}`, zone, ...node.search];
  return withConfig({ nameservers, search, options: ['ndots:5', ...patience] }, dnsConfig);
}

/** An agent that is started again answers within a second: a question is put again, not given up. */
const patience = ['timeout:1', 'attempts:5'];

function withConfig(base: ResolvConf, config: DnsConfig): ResolvConf {
  const given = (config.options ?? []).map(({ name, value }) => (value ? `${name}:${value}` : name));
  const nameOf = (option: string): string => option.split(':', 1)[0] ?? '';
  const overridden = new Set(given.map(nameOf));
  return {
    nameservers: [...new Set([...base.nameservers, ...(config.nameservers ?? [])])].slice(0, maxNameservers),
    search: [...new Set([...base.search, ...(config.searches ?? [])])],
    options: [...base.options.filter((option) => !overridden.has(nameOf(option))), ...given],
  };
}
