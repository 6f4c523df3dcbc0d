/** The domains of one topology key: nodes with one value of the label are one domain. Part of the node table. */
import type { Labels } from '../../api/meta/label-selector.ts';

/** What nodes share that fail together. */
export const rackLabel = 'topology.kubernetes.io/rack';
export const zoneLabel = 'topology.kubernetes.io/zone';

export class Topology {
  readonly key: string;
  /** By slot: the number of its domain; -1 where the node has no such label, or there is no node. */
  domainOf: Int32Array;
  /** By domain: its slots. */
  readonly members: number[][] = [];
  readonly #numbers = new Map<string, number>();

  constructor(key: string, capacity: number) {
    this.key = key;
    this.domainOf = new Int32Array(capacity).fill(-1);
  }

  /** `labels` undefined: no node there. Gives whether the slot changed its domain. */
  set(slot: number, labels: Labels | undefined): boolean {
    const value = labels && Object.hasOwn(labels, this.key) ? labels[this.key] : undefined;
    const before = this.domainOf[slot]!;
    const domain = value === undefined ? -1 : this.#number(value);
    if (domain === before) return false;
    this.domainOf[slot] = domain;
    if (before >= 0) this.members[before] = this.members[before]!.filter((member) => member !== slot);
    if (domain >= 0) this.members[domain]!.push(slot);
    return true;
  }

  grow(): void {
    const larger = new Int32Array(this.domainOf.length * 2).fill(-1);
    larger.set(this.domainOf);
    this.domainOf = larger;
  }

  #number(value: string): number {
    let number = this.#numbers.get(value);
    if (number === undefined) {
      number = this.members.push([]) - 1;
      this.#numbers.set(value, number);
    }
    return number;
  }
}
