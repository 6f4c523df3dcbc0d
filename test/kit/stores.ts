/** The stores that what must hold on a real etcd is tried on, to be given to `it.each`. */

import { systemClock } from '../../api/meta/clock.ts';
import { silentLogger } from '../../api/meta/logger.ts';
import { openMemoryStore } from '../../api/store/memory-store.ts';
import { openStore } from '../../api/store/open-store.ts';
import type { Store } from '../../api/store/store.ts';
import { TestEtcd } from './etcd.ts';

export interface OpenedStore {
  store: Store;
  stop: () => Promise<void>;
}

export const stores: [name: string, open: () => Promise<OpenedStore>][] = [
  ['the memory store', async () => ({ store: openMemoryStore(), stop: async () => {} })],
  [
    'etcd',
    async () => {
      const etcd = await TestEtcd.start();
      const store = await openStore(`etcd://${etcd.endpoint}`, { clock: systemClock, logger: silentLogger });
      return { store, stop: () => etcd.stop() };
    },
  ],
];
