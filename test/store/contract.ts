/**
 * One suite for every store. Real etcd passes it too, and is the oracle where opinions differ.
 * The points are those of the store's conformance list; durability and faults have files of their own.
 */
import { afterEach, beforeEach, describe } from 'vitest';
import type { Backend, OpenBackend } from './backend.ts';
import { historyContract } from './contract-history.ts';
import { leaseContract } from './contract-leases.ts';
import { readContract } from './contract-reads.ts';
import { restartContract } from './contract-restart.ts';
import { watchContract } from './contract-watch.ts';
import { writeContract } from './contract-writes.ts';

export interface ContractOptions {
  /** What the store keeps survives a restart. */
  durable: boolean;
}

export function storeContract(open: OpenBackend, { durable }: ContractOptions): void {
  describe('contract', () => {
    let backend: Backend;
    beforeEach(async () => {
      backend = await open();
    });
    afterEach(() => backend.close());

    const current = (): Backend => backend;
    writeContract(current);
    readContract(current);
    watchContract(current);
    leaseContract(current);
    historyContract(current);
    if (durable) restartContract(current);
  });
}
