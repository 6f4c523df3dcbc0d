/**
 * The allocation records as this server knows them best, and turns for those who change one: binds and
 * ending tasks of the same node would only defeat each other. Other servers are met by the compares.
 */
import type { Revision } from '../store/store.ts';
import type { AllocationRecord } from './allocation.ts';
import { Turns } from './turns.ts';
import type { WatchCache } from './watch-cache.ts';

interface Written {
  /** Undefined: deleted. */
  value: Buffer | undefined;
  revision: Revision;
}

export class AllocationRecords {
  readonly #cache: WatchCache;
  readonly #turns = new Turns();
  /** What was written here and has not come back through the watch yet. */
  readonly #written = new Map<string, Written>();

  constructor(cache: WatchCache) {
    this.#cache = cache;
  }

  take<T>(node: string, act: () => Promise<T>): Promise<T> {
    return this.#turns.take(node, act);
  }

  /** A turn at several nodes at once. */
  takeAll<T>(nodes: readonly string[], act: () => Promise<T>): Promise<T> {
    return this.#turns.takeAll(nodes, act);
  }

  get(node: string): AllocationRecord | undefined {
    const written = this.#written.get(node);
    if (!written) return this.#cache.allocation(node);
    if (this.#cache.revision >= written.revision) {
      this.#written.delete(node);
      return this.#cache.allocation(node);
    }
    return written.value && { value: written.value, modRevision: written.revision };
  }

  /** A transaction of this server has put (or deleted) the record. */
  wrote(
    node: string,
    operation: { type: 'put'; value: Buffer } | { type: 'delete' } | undefined,
    revision: Revision,
  ): void {
    if (!operation) return;
    this.#written.set(node, { value: operation.type === 'put' ? operation.value : undefined, revision });
  }
}
