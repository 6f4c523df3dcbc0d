/**
 * Where the tasks of each job are: how many on each slot, and in each domain of the topologies somebody asked
 * about, counted once and then kept up task by task. Part of the node table.
 *
 * Invariant: counts of domains are those that counting anew would give; nodes outside all domains are domain -1
 * together.
 */
import { HolderTable } from './holder-table.ts';
import type { Topology } from './topology.ts';

interface Counted {
  /** Changes of topology there had been. */
  asOf: number;
  byDomain: Map<number, number>;
}

export class JobTable {
  readonly #holders = new HolderTable();
  readonly #domains = new Map<string, Map<Topology, Counted>>();

  /** Tasks of the job by slot. */
  holders(job: string): ReadonlyMap<number, number> {
    return this.#holders.holders(job);
  }

  /** Tasks of the job by domain. */
  inDomains(job: string, topology: Topology, topologyChanges: number): ReadonlyMap<number, number> {
    let counts = this.#domains.get(job);
    if (!counts) this.#domains.set(job, (counts = new Map()));
    let counted = counts.get(topology);
    if (counted?.asOf !== topologyChanges) {
      counted = { asOf: topologyChanges, byDomain: new Map() };
      for (const [slot, count] of this.holders(job)) add(counted.byDomain, topology.domainOf[slot]!, count);
      counts.set(topology, counted);
    }
    return counted.byDomain;
  }

  take(job: string, slot: number): void {
    this.#holders.take(job, slot);
    this.#note(job, slot, 1);
  }

  giveBack(job: string, slot: number): void {
    this.#holders.giveBack(job, slot);
    this.#note(job, slot, -1);
    if (this.holders(job).size === 0) this.#domains.delete(job);
  }

  #note(job: string, slot: number, count: 1 | -1): void {
    const counts = this.#domains.get(job);
    if (!counts) return;
    for (const [topology, { byDomain }] of counts) add(byDomain, topology.domainOf[slot]!, count);
  }
}

function add(byDomain: Map<number, number>, domain: number, count: number): void {
  const now = (byDomain.get(domain) ?? 0) + count;
  if (now === 0) byDomain.delete(domain);
  else byDomain.set(domain, now);
}
