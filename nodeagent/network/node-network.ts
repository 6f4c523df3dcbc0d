/**
 * The network of a node as its tasks see it: the names of services, answered by this agent's DNS, and their
 * addresses, translated by the kernel. What cannot be had here is said in the node's conditions, and tasks do without.
 */
import { readFile } from 'node:fs/promises';
import type { Service } from '../../api/kinds/resources.ts';
import { type Clock, systemClock } from '../../api/meta/clock.ts';
import type { NewCondition } from '../../api/meta/conditions.ts';
import type { Logger } from '../../api/meta/logger.ts';
import { systemRandom } from '../../api/meta/random.ts';
import type { Client } from '../../client/client.ts';
import { DnsServer } from '../dns/dns-server.ts';
import { Forwarder } from '../dns/forwarder.ts';
import { parseResolvConf, type TaskResolution } from '../dns/resolv-conf.ts';
import { kubernetesZone } from '../dns/zone.ts';
import { ServiceData } from './service-data.ts';
import { ServiceProxy } from './service-proxy.ts';

export interface NodeNetworkOptions {
  client: Client;
  /** The node's. */
  address: string;
  /** Last part of the cluster's names. */
  cell: string;
  /** 0: no DNS on this node. */
  dnsPort: number;
  /** The node's name. */
  node: string;
  /** Whether the kernel is to lead addresses of services to endpoints, for everything in the agent's network namespace. */
  serviceProxy: 'nft' | 'none';
  /** For what must outlive the agent. */
  directory: string;
  logger: Logger;
  clock?: Clock;
}

export class NodeNetwork {
  readonly data: ServiceData;
  readonly #options: NodeNetworkOptions;
  #dns: DnsServer | undefined;
  #resolution: TaskResolution | undefined;
  readonly #proxy: ServiceProxy | undefined;
  #proxyProblem: string | undefined = 'the service proxy is switched off on this node';
  #dnsProblem = 'DNS is switched off on this node';

  constructor(options: NodeNetworkOptions) {
    const { client, directory, node, address: nodeAddress, logger, clock = systemClock } = options;
    this.#options = options;
    this.data = new ServiceData({ client, directory, logger, clock });
    if (options.serviceProxy === 'nft')
      this.#proxy = new ServiceProxy({ data: this.data, node, nodeAddress, logger, clock });
  }

  /** How tasks find names; undefined where they do it as the node does. */
  get resolution(): TaskResolution | undefined {
    return this.#resolution;
  }

  get hasVirtualIps(): boolean {
    return this.#proxyProblem === undefined;
  }

  async start(): Promise<void> {
    await this.data.start();
    if (this.#proxy) await this.#startProxy(this.#proxy);
    if (this.#options.dnsPort > 0) await this.#startDns();
  }

  async stop(): Promise<void> {
    await Promise.all([this.data.stop(), this.#dns?.close(), this.#proxy?.stop()]);
  }

  conditions(): NewCondition[] {
    const { address } = this.#options;
    return [
      this.#resolution
        ? { type: 'ServiceNames', status: 'True', reason: 'DnsAnswers', message: `DNS on ${address}` }
        : { type: 'ServiceNames', status: 'False', reason: 'NoDns', message: this.#dnsProblem },
      this.hasVirtualIps
        ? {
            type: 'ServiceAddresses',
            status: 'True',
            reason: 'NftTranslates',
            message: 'addresses of services lead to their endpoints',
          }
        : {
            type: 'ServiceAddresses',
            status: 'False',
            reason: 'NamesOnly',
            message: this.#proxyProblem ?? '',
          },
    ];
  }

  /** Services of the namespace whose addresses lead anywhere here. */
  linkedServices(namespace: string): Service[] {
    if (!this.hasVirtualIps) return [];
    return this.data.services().filter(({ metadata }) => metadata.namespace === namespace);
  }

  async #startProxy(proxy: ServiceProxy): Promise<void> {
    try {
      await proxy.start();
      this.#proxyProblem = undefined;
    } catch (error) {
      this.#proxyProblem = `names lead to endpoints instead: ${(error as Error).message}`;
      this.#options.logger.warn({ err: error }, 'addresses of services lead nowhere on this node');
    }
  }

  async #startDns(): Promise<void> {
    const { address, cell, dnsPort, logger, clock = systemClock } = this.#options;
    const text = await readFile('/etc/resolv.conf', 'utf8').catch(() => '');
    // A server must not ask itself.
    const others = parseResolvConf(text).nameservers.filter((each) => each !== address);
    const resolvers = others.map((each) => ({ address: each, port: 53 }));
    const dns = new DnsServer({
      zone: {
        names: this.data,
        zones: [cell, kubernetesZone],
        hasVirtualIps: () => this.hasVirtualIps,
        random: systemRandom,
      },
      forwarder: new Forwarder({ resolvers, clock }),
      logger,
    });
    try {
      await dns.listen(address, dnsPort);
      this.#dns = dns;
      this.#resolution = { nameservers: [address], zone: cell };
    } catch (error) {
      this.#dnsProblem = `DNS cannot listen on ${address}: ${(error as Error).message}`;
      logger.warn({ address, err: error }, 'no DNS on this node');
    }
  }
}
