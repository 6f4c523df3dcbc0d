/** What the SDK's tests run on: each test that takes a cluster runs on all of these. */
import { VirtualClock } from '../../api/meta/clock.ts';
import type { Client } from '../../client/client.ts';
import { testCluster } from '../kit/cluster.ts';
import { FakeCluster } from './fake-cluster.ts';

export interface TestCluster {
  client: Client;
  clock: VirtualClock;
  stop(): Promise<void>;
}

export const clusters: { name: string; make: () => Promise<TestCluster> }[] = [
  {
    name: 'the fake cluster',
    make: async () => {
      const clock = new VirtualClock();
      return { clock, client: new FakeCluster(clock).client, stop: async () => {} };
    },
  },
  { name: 'the API server', make: () => testCluster() },
];
