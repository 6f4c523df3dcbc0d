/** resolv.conf: what the node's says, and what its tasks' should. */
import type { Resolver } from './forwarder.ts';

export interface ResolvConf {
  resolvers: Resolver[];
  search: string[];
}

const maxResolvers = 3;

/** Later `search` lines win, as in resolv.conf(5). `own` addresses are left out: a server must not ask itself. */
export function parseResolvConf(text: string, own: readonly string[]): ResolvConf {
  const lines = text.split('\n').map((line) => line.trim().split(/\s+/));
  const addresses = lines.filter(([word]) => word === 'nameserver').map(([, address = '']) => address);
  const search = lines.filter(([word]) => word === 'search' || word === 'domain').at(-1) ?? [];
  return {
    resolvers: addresses
      .filter((address) => address !== '' && !own.includes(address))
      .slice(0, maxResolvers)
      .map((address) => ({ address, port: 53 })),
    search: search.slice(1),
  };
}

export interface TaskResolution {
  address: string;
  zone: string;
  /** The node's own search list. */
  search: readonly string[];
}

/** `web`, `web.ns` and `web.ns.svc` are found as they are. */
export function taskResolvConf(namespace: string, { address, zone, search }: TaskResolution): string {
  const domains = [`${namespace}.svc.${zone}`, `svc.${zone}`, zone, ...search];
  return `nameserver ${address}\nsearch ${domains.join(' ')}\noptions ndots:5\n`;
}
