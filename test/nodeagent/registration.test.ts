import { describe, expect, it } from 'vitest';
import { Node } from '../../api/kinds/resources.ts';
import { ApiError } from '../../api/meta/api-error.ts';
import { systemClock } from '../../api/meta/clock.ts';
import { silentLogger } from '../../api/meta/logger.ts';
import type { Client } from '../../client/client.ts';
import { Registration } from '../../nodeagent/registration.ts';
import { FakeCluster } from '../client/fake-cluster.ts';

describe('Registration', () => {
  it('reports the status though the API server refuses labels an operator has changed', async () => {
    const { client } = new FakeCluster(systemClock);
    const refusing: Client = {
      ...client,
      patch: async (resource, key, patch, options) => {
        if (resource.kind === 'Node' && options?.subresource === undefined)
          throw new ApiError('Forbidden', 'a node may not set the label disk');
        return client.patch(resource, key, patch, options);
      },
    };
    await client.create(Node, { metadata: { name: 'n1', labels: { disk: 'hdd' } }, spec: {}, status: {} });
    const registration = new Registration({
      client: refusing,
      identity: {
        ...{
          name: 'n1',
          address: '127.0.0.1',
          port: 1,
          labels: { disk: 'ssd' },
          allocatable: { cpu: '1' },
          capacity: { cpu: '1' },
        },
        ...{ nodeInfo: {} as never, driver: 'oci', driverReason: 'it works' },
      },
      observe: async () => ({ conditions: [], images: [] }),
      leaseDurationSeconds: 20,
      logger: silentLogger,
    });
    registration.start();
    try {
      await expect
        .poll(async () => (await client.get(Node, { name: 'n1' })).status?.capacity)
        .toEqual({ cpu: '1' });
      expect((await client.get(Node, { name: 'n1' })).metadata.labels).toEqual({ disk: 'hdd' });
    } finally {
      await registration.stop();
    }
  });
});
