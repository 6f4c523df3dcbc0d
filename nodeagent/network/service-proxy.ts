/**
 * Keeps the kernel's table of service addresses in step with what the node knows of services. The table stays
 * when the agent ends: its tasks run on, and go on to reach services.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { isExternal } from '../../api/kinds/node-ports.ts';
import { type Clock, systemClock } from '../../api/meta/clock.ts';
import type { Logger } from '../../api/meta/logger.ts';
import { Loop } from '../../api/meta/loop.ts';
import { runCommand } from '../command.ts';
import type { ServiceData } from './service-data.ts';
import { virtualIpTable } from './virtual-ips.ts';

export interface ServiceProxyOptions {
  data: ServiceData;
  node: string;
  nodeAddress: string;
  logger: Logger;
  clock?: Clock;
}

/** A node whose port leads to another node passes packets on; the kernel does so only when it is told to. */
const forwardingFile = '/proc/sys/net/ipv4/ip_forward';

async function allowForwarding(): Promise<void> {
  if ((await readFile(forwardingFile, 'utf8')).trim() !== '1') await writeFile(forwardingFile, '1');
}

/** Changes are put through at once; this often the table is looked after anyway, in case somebody flushed it. */
const intervalMs = 60_000;

export class ServiceProxy {
  readonly #options: ServiceProxyOptions;
  readonly #loop: Loop;

  constructor(options: ServiceProxyOptions) {
    const { logger, clock = systemClock } = options;
    this.#options = options;
    this.#loop = new Loop({ name: 'service-proxy', step: () => this.#apply(), intervalMs, clock, logger });
  }

  /** Resolves when the first table is in place; rejects when this node can have none. */
  async start(): Promise<void> {
    await this.#apply();
    this.#options.data.onChange(() => this.#loop.wake());
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #apply(): Promise<void> {
    const { data, node, nodeAddress } = this.#options;
    // Nothing known is not nothing there: what an agent before this one put in stays.
    const services = data.isKnown ? data.services() : undefined;
    if (services === undefined) return this.#probe();
    const slicesOf = (namespace: string, name: string) => data.slicesOf(namespace, name);
    if (services.some(({ spec }) => isExternal(spec))) await allowForwarding();
    await runCommand('nft', ['-f', '-'], {
      input: virtualIpTable({ services, slicesOf, node, nodeAddress }),
    });
  }

  async #probe(): Promise<void> {
    const { node, nodeAddress } = this.#options;
    await runCommand('nft', ['--check', '-f', '-'], {
      input: virtualIpTable({ services: [], slicesOf: () => [], node, nodeAddress }),
    });
  }
}
