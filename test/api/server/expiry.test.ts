/** Events go by themselves, and a watch says so. */
import { expect, it } from 'vitest';
import { VirtualClock } from '../../../api/meta/clock.ts';
import { openMemoryStore } from '../../../api/store/memory-store.ts';
import { TestServer } from './test-server.ts';

const events = '/api/v1/namespaces/default/events';

it('an event is gone an hour after it was last written, other objects stay', async () => {
  const clock = new VirtualClock();
  const server = await TestServer.start({ clock, store: openMemoryStore({ clock }) });
  for (const name of ['once', 'again'])
    await server.post(events, { metadata: { name }, involvedObject: {}, count: 1 });
  await clock.advance(50 * 60_000);
  await server.mergePatch(`${events}/again`, { count: 2 });
  await clock.advance(15 * 60_000);
  const { body } = await server.get(events);
  expect(body.items.map((event: { metadata: { name: string } }) => event.metadata.name)).toEqual(['again']);
  expect((await server.get('/api/v1/namespaces/default')).status).toBe(200);
  await clock.advance(60 * 60_000);
  expect((await server.get(events)).body.items).toEqual([]);
  await server.close();
});
