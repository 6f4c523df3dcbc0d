/** Between our shapes and etcd's: keys get the store's prefix, int64 strings become numbers. */
import type { IEvent, IKeyValue } from 'etcd3';
import type { KeyValue, StoreEvent } from './store.ts';

/** Keys of one store inside an etcd that others may use too. */
export class KeySpace {
  readonly #prefix: string;
  readonly #prefixBytes: number;

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.#prefixBytes = Buffer.byteLength(prefix);
  }

  key(key: string): Buffer {
    return Buffer.from(this.#prefix + key);
  }

  /** etcd's half-open range of all keys that begin with `prefix`; `after` leaves out what comes before and at it. */
  range(prefix: string, after?: string): { key: Buffer; range_end: Buffer } {
    const start = this.key(prefix);
    const range_end = endOfPrefix(start);
    const from = after === undefined ? start : this.key(`${after}\0`);
    const key = Buffer.compare(from, start) > 0 ? from : start;
    // An empty key means nothing to etcd; \0 is the first there is.
    return { key: key.length === 0 ? Buffer.alloc(1) : key, range_end };
  }

  keyValue(kv: IKeyValue): KeyValue {
    return {
      key: this.#name(kv),
      value: ownBuffer(kv.value),
      createRevision: Number(kv.create_revision),
      modRevision: Number(kv.mod_revision),
      version: Number(kv.version),
      leaseId: Number(kv.lease),
    };
  }

  event({ type, kv }: IEvent): StoreEvent {
    if (type === 'Put') return { type: 'put', kv: this.keyValue(kv) };
    return { type: 'delete', key: this.#name(kv), modRevision: Number(kv.mod_revision) };
  }

  #name(kv: IKeyValue): string {
    return kv.key.toString('utf8', this.#prefixBytes);
  }
}

/** The first key after all that begin with `prefix`; \0, etcd's word for "no end", when there is none. */
function endOfPrefix(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  for (let at = end.length - 1; at >= 0; at--) {
    if (end[at] === 0xff) continue;
    end[at]!++;
    return end.subarray(0, at + 1);
  }
  return Buffer.alloc(1);
}

/**
 * A decoded value is a view into the whole message it came in. Values live long in caches, and one
 * survivor would keep a page of thousands in memory; so those in company get memory of their own.
 */
function ownBuffer(value: Buffer): Buffer {
  if (value.byteLength * 2 >= value.buffer.byteLength) return value;
  const own = Buffer.allocUnsafeSlow(value.byteLength);
  value.copy(own);
  return own;
}
