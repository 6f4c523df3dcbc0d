/**
 * The network of a node as its tasks see it: the names of services, answered by this agent's DNS. What cannot
 * be had here is said in the node's conditions, and tasks do without.
 */
import { readFile } from 'node:fs/promises';
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

export interface NodeNetworkOptions {
  client: Client;
  /** The node's. */
  address: string;
  /** Last part of the cluster's names. */
  cell: string;
  /** 0: no DNS on this node. */
  dnsPort: number;
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
  #dnsProblem = 'DNS is switched off on this node';

  constructor(options: NodeNetworkOptions) {
    const { client, directory, logger, clock = systemClock } = options;
    this.#options = options;
    this.data = new ServiceData({ client, directory, logger, clock });
  }

  /** How tasks find names; undefined where they do it as the node does. */
  get resolution(): TaskResolution | undefined {
    return this.#resolution;
  }

  async start(): Promise<void> {
    await this.data.start();
    if (this.#options.dnsPort > 0) await this.#startDns();
  }

  async stop(): Promise<void> {
    await Promise.all([this.data.stop(), this.#dns?.close()]);
  }

  conditions(): NewCondition[] {
    const { address } = this.#options;
    return [
      this.#resolution
        ? { type: 'ServiceNames', status: 'True', reason: 'DnsAnswers', message: `DNS on ${address}` }
        : { type: 'ServiceNames', status: 'False', reason: 'NoDns', message: this.#dnsProblem },
    ];
  }

  async #startDns(): Promise<void> {
    const { address, cell, dnsPort, logger, clock = systemClock } = this.#options;
    const text = await readFile('/etc/resolv.conf', 'utf8').catch(() => '');
    const { resolvers, search } = parseResolvConf(text, [address]);
    const dns = new DnsServer({
      zone: {
        names: this.data,
        zones: [cell, kubernetesZone],
        hasVirtualIps: () => false,
        random: systemRandom,
      },
      forwarder: new Forwarder({ resolvers, clock }),
      logger,
    });
    try {
      await dns.listen(address, dnsPort);
      this.#dns = dns;
      this.#resolution = { address, zone: cell, search };
    } catch (error) {
      this.#dnsProblem = `DNS cannot listen on ${address}: ${(error as Error).message}`;
      logger.warn({ address, err: error }, 'no DNS on this node');
    }
  }
}
