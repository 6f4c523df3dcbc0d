/**
 * A map in the byte order of its keys' UTF-8, the order etcd lists in.
 *
 * A two-level B+-tree: blocks of at most `blockSize` neighbours. Lookup is two binary searches, insertion
 * moves at most one block. Invariant: no block is empty (but the only one), and blocks are in order.
 */

const blockSize = 512;

interface Block<V> {
  keys: string[];
  values: V[];
}

/** A string whose native order is the byte order of `key`: itself for ASCII, else one character per byte. */
export function byteOrder(key: string): string {
  return Buffer.byteLength(key) === key.length ? key : Buffer.from(key).toString('latin1');
}

/** The first key, in byte order, after all that begin with `prefix` (a byte order itself); undefined: no end. */
export function endOfPrefix(prefix: string): string | undefined {
  if (prefix === '') return undefined;
  // A byte order has characters up to \xff, so the next one always exists and never carries.
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}

/** Keys are given and compared as `byteOrder` makes them. */
export class SortedMap<V> {
  readonly #blocks: Block<V>[] = [{ keys: [], values: [] }];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: string): V | undefined {
    const block = this.#blockFor(key);
    const at = lowerBound(block.keys, key);
    return block.keys[at] === key ? block.values[at] : undefined;
  }

  set(key: string, value: V): void {
    const blockAt = this.#blockIndex(key);
    const block = this.#blocks[blockAt]!;
    const at = lowerBound(block.keys, key);
    if (block.keys[at] === key) {
      block.values[at] = value;
      return;
    }
    block.keys.splice(at, 0, key);
    block.values.splice(at, 0, value);
    this.#size++;
    if (block.keys.length > blockSize) this.#split(blockAt);
  }

  delete(key: string): void {
    const blockAt = this.#blockIndex(key);
    const block = this.#blocks[blockAt]!;
    const at = lowerBound(block.keys, key);
    if (block.keys[at] !== key) return;
    block.keys.splice(at, 1);
    block.values.splice(at, 1);
    this.#size--;
    if (block.keys.length === 0 && this.#blocks.length > 1) this.#blocks.splice(blockAt, 1);
  }

  /** Visits the values of all keys in [start, end), in order. The map must not change meanwhile. */
  scan(start: string, end: string | undefined, visit: (value: V) => void): void {
    let blockAt = this.#blockIndex(start);
    let at = lowerBound(this.#blocks[blockAt]!.keys, start);
    for (; blockAt < this.#blocks.length; blockAt++, at = 0) {
      const { keys, values } = this.#blocks[blockAt]!;
      const isLast = end !== undefined && !(keys.at(-1)! < end);
      const stop = isLast ? lowerBound(keys, end) : keys.length;
      for (; at < stop; at++) visit(values[at]!);
      if (isLast) return;
    }
  }

  #blockFor(key: string): Block<V> {
    return this.#blocks[this.#blockIndex(key)]!;
  }

  /** The last block that begins at or before `key`; the first when none does. */
  #blockIndex(key: string): number {
    let low = 0;
    let high = this.#blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#blocks[middle]!.keys[0]! <= key) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #split(blockAt: number): void {
    const { keys, values } = this.#blocks[blockAt]!;
    // Keys that come in ascending order fill blocks to the brim instead of leaving each one half empty.
    const keep = blockAt === this.#blocks.length - 1 ? blockSize - 16 : keys.length >> 1;
    this.#blocks.splice(blockAt + 1, 0, { keys: keys.splice(keep), values: values.splice(keep) });
  }
}

/** The first index whose key is >= `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
