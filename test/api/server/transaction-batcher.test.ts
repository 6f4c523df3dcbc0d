/** Group commit: together on the wire, each for itself in the outcome. */
import { expect, it } from 'vitest';
import { TransactionBatcher } from '../../../api/server/transaction-batcher.ts';
import { openMemoryStore } from '../../../api/store/memory-store.ts';
import type { Transaction, TransactionResult } from '../../../api/store/store.ts';

const create = (key: string, text = key): Transaction => ({
  compares: [{ key, modRevision: 0 }],
  operations: [{ type: 'put', key, value: Buffer.from(text) }],
});

/** A store that counts, answers after a turn of the event loop, and may fail. */
function slowStore(): {
  sent: Transaction[];
  fail: { with?: Error };
  transact: (t: Transaction) => Promise<TransactionResult>;
  store: ReturnType<typeof openMemoryStore>;
} {
  const store = openMemoryStore();
  const sent: Transaction[] = [];
  const fail: { with?: Error } = {};
  return {
    store,
    sent,
    fail,
    async transact(transaction) {
      sent.push(transaction);
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (fail.with) throw fail.with;
      return store.transact(transaction);
    },
  };
}

it('sends a lone transaction at once and many together', async () => {
  const slow = slowStore();
  const batcher = new TransactionBatcher(slow);
  const results = await Promise.all(Array.from({ length: 64 }, (_, n) => batcher.transact(create(`/k${n}`))));
  expect(results.every(({ succeeded }) => succeeded)).toBe(true);
  expect(slow.sent[0]?.operations).toHaveLength(1);
  expect(slow.sent.length).toBeLessThan(10);
  expect((await slow.store.list('/k')).items).toHaveLength(64);
});

it('fails the member whose compare does not hold, with what is there, and no other', async () => {
  const slow = slowStore();
  await slow.store.transact(create('/k7', 'there before'));
  const batcher = new TransactionBatcher(slow);
  const results = await Promise.all(Array.from({ length: 32 }, (_, n) => batcher.transact(create(`/k${n}`))));
  expect(results.flatMap(({ succeeded }, n) => (succeeded ? [] : [n]))).toEqual([7]);
  const lost = results[7] as Extract<TransactionResult, { succeeded: false }>;
  expect(lost.current.map((kv) => kv?.value.toString())).toEqual(['there before']);
});

it('lets exactly one of many creators of the same key win', async () => {
  const slow = slowStore();
  const batcher = new TransactionBatcher(slow);
  const results = await Promise.all(
    Array.from({ length: 40 }, (_, n) => batcher.transact(create(`/k${n % 4}`, `${n}`))),
  );
  expect(results.filter(({ succeeded }) => succeeded)).toHaveLength(4);
});

it('gives every member the unknown outcome of its batch', async () => {
  const slow = slowStore();
  slow.fail.with = new Error('no answer');
  const batcher = new TransactionBatcher(slow);
  const results = await Promise.allSettled(
    Array.from({ length: 16 }, (_, n) => batcher.transact(create(`/k${n}`))),
  );
  expect(results.every(({ status }) => status === 'rejected')).toBe(true);
});
