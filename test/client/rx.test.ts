import { firstValueFrom, skip, take, toArray } from 'rxjs';
import { expect, test } from 'vitest';
import { ConfigMap } from '../../api/kinds/resources.ts';
import { VirtualClock } from '../../api/meta/clock.ts';
import { Informer } from '../../client/informer.ts';
import { changesOf, listOf } from '../../client/rx.ts';
import { until } from '../../client/testing/index.ts';
import { FakeCluster } from './fake-cluster.ts';

test('an informer is seen through Observables as through handlers', async () => {
  const clock = new VirtualClock();
  const { client } = new FakeCluster(clock);
  const informer = new Informer({ client, resource: ConfigMap, clock }).start();
  const create = (name: string) => client.create(ConfigMap, { metadata: { namespace: 'default', name } });
  await create('a');
  const changes = firstValueFrom(changesOf(informer).pipe(take(2), toArray()));
  const lists = firstValueFrom(listOf(informer).pipe(skip(1)));
  await until(clock, () => informer.hasSynced);
  await create('b');
  await clock.advance(100);
  expect((await changes).map(({ type, object }) => `${type} ${object.metadata.name}`)).toEqual([
    'added a',
    'added b',
  ]);
  expect(await lists).toHaveLength(2);
  await informer.stop();
});
