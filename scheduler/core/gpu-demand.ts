/**
 * What the tasks of the cell that have GPUs ask for, as the workload to expect more of. Part of the node table.
 *
 * Invariant: `typicals` stays the same object until `change` gives true; it is drawn up anew when half as many
 * tasks as it was drawn from have come or gone, so that a cell in motion is not judged anew for every task.
 */
import type { Affinity } from '../../api/kinds/task-spec.ts';
import { typicalShares } from './expected-fragmentation.ts';

/** Tasks of equal key are alike to whoever looks at GPUs. */
export interface GpuDemand {
  readonly key: string;
  readonly cpuMilli: number;
  /** Thousandths of GPUs, as the task asks for them. */
  readonly milli: number;
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly nodeAffinity: NonNullable<Affinity['nodeAffinity']>;
}

export interface TypicalDemand {
  demand: GpuDemand;
  /** Of all tasks with GPUs. */
  share: number;
}

export class GpuDemandMix {
  typicals: readonly TypicalDemand[] = [];
  readonly #counts = new Map<string, { demand: GpuDemand; count: number }>();
  #total = 0;
  #changesLeft = 1;

  /** So many such tasks more; fewer, where negative. Gives whether the typical ones were drawn up anew. */
  change(demand: GpuDemand, count: 1 | -1): boolean {
    const known = this.#counts.get(demand.key) ?? { demand, count: 0 };
    known.count += count;
    this.#total += count;
    if (known.count === 0) this.#counts.delete(demand.key);
    else this.#counts.set(demand.key, known);
    if (--this.#changesLeft > 0) return false;
    this.#changesLeft = 1 + (this.#total >> 1);
    this.typicals = typicalShares(this.#counts.values()).map(([typical, share]) => ({
      demand: typical.demand,
      share,
    }));
    return true;
  }
}
