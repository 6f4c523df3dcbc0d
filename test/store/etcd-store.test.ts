import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe } from 'vitest';
import { systemClock } from '../../api/meta/clock.ts';
import { silentLogger } from '../../api/meta/logger.ts';
import { EtcdStore } from '../../api/store/etcd-store.ts';
import { TestEtcd } from '../kit/etcd.ts';
import { storeContract } from './contract.ts';

describe('the etcd store', () => {
  let etcd: TestEtcd;
  let stores = 0;
  beforeAll(async () => {
    etcd = await TestEtcd.start();
  });
  afterAll(() => etcd?.stop());

  storeContract(
    async () => {
      const open = (): EtcdStore =>
        new EtcdStore({
          endpoints: [etcd.endpoint],
          prefix: `/test-${stores}/`,
          clock: systemClock,
          logger: silentLogger,
        });
      stores++;
      let store = open();
      return {
        store,
        passTime: (ms) => sleep(ms),
        restart: async () => {
          await store.close();
          await etcd.kill();
          await etcd.launch();
          store = open();
          return store;
        },
        close: () => store.close(),
      };
    },
    { durable: true },
  );
});
