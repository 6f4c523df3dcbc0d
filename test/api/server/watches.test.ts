/** Watches: ordered, unique, complete, resumable, or an explicit 410 (contract R2). */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../api/meta/clock.ts';
import { configMapDraft, configMaps, TestServer, take, taskDraft, tasks } from './test-server.ts';

let server: TestServer;
let abort: AbortController;
beforeEach(async () => {
  server = await TestServer.start();
  abort = new AbortController();
});
afterEach(async () => {
  abort.abort();
  await server.close();
});

const watch = (query: string, headers: Record<string, string> = {}) =>
  server.watch(`${configMaps}?watch=true&${query}`, { signal: abort.signal, headers });

interface Shown {
  type: string;
  object: { metadata: { name: string; resourceVersion: string } };
}
const brief = (events: Shown[]): string[] =>
  events.map(({ type, object }) => `${type} ${object.metadata.name}`);

async function write(name: string, labels: Record<string, string> = {}): Promise<string> {
  const { body } = await server.post(configMaps, { ...configMapDraft(name), metadata: { name, labels } });
  return body.metadata.resourceVersion;
}

describe('a watch', () => {
  it.each(['', 'resourceVersion=0'])(
    'without a version (%s) begins with the present state',
    async (query) => {
      await write('a');
      const events = watch(query);
      expect(brief(await take(events, 1))).toEqual(['ADDED a']);
      await write('b');
      expect(brief(await take(events, 1))).toEqual(['ADDED b']);
    },
  );

  it('from a version on shows every later change once, in order', async () => {
    const version = await write('a');
    await write('b');
    await server.mergePatch(`${configMaps}/a`, { data: { x: '1' } });
    const events = watch(`resourceVersion=${version}`);
    expect(brief(await take(events, 2))).toEqual(['ADDED b', 'MODIFIED a']);
    await server.delete(`${configMaps}/b`);
    const [deleted] = (await take(events, 1)) as [Shown];
    expect(brief([deleted])).toEqual(['DELETED b']);
    expect(Number(deleted.object.metadata.resourceVersion)).toBeGreaterThan(Number(version) + 2);
  });

  it('resumes at every revision without gap or repetition', async () => {
    const start = Number(await write('seed'));
    for (let n = 0; n < 10; n++) await server.mergePatch(`${configMaps}/seed`, { data: { n: `${n}` } });
    for (let skip = 0; skip <= 10; skip++) {
      const events = (await take(watch(`resourceVersion=${start + skip}`), 10 - skip)) as Shown[];
      expect(events.map(({ object }) => Number(object.metadata.resourceVersion))).toEqual(
        Array.from({ length: 10 - skip }, (_, n) => start + skip + n + 1),
      );
    }
  });

  it('with a selector shows what begins and ceases to match as ADDED and DELETED', async () => {
    const version = await write('a', { app: 'x' });
    const events = watch(`resourceVersion=${version}&labelSelector=app%3Dy`);
    await server.mergePatch(`${configMaps}/a`, { metadata: { labels: { app: 'y' } } });
    await server.mergePatch(`${configMaps}/a`, { data: { x: '1' } });
    await server.mergePatch(`${configMaps}/a`, { metadata: { labels: { app: 'z' } } });
    const shown = (await take(events, 3)) as Shown[];
    expect(brief(shown)).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a']);
    expect(Number(shown[2]!.object.metadata.resourceVersion)).toBe(Number(version) + 3);
  });

  it('of one object shows that one', async () => {
    await write('a');
    await write('b');
    const events = watch('resourceVersion=0&fieldSelector=metadata.name%3Db');
    expect(brief(await take(events, 1))).toEqual(['ADDED b']);
    await write('c');
    await server.delete(`${configMaps}/b`);
    expect(brief(await take(events, 1))).toEqual(['DELETED b']);
  });

  it('of the tasks of one node follows a task that is bound to it', async () => {
    await server.post('/api/v1/nodes', { metadata: { name: 'n1' } });
    await server.mergePatch('/api/v1/nodes/n1/status', { status: { allocatable: { cpu: '1' } } });
    await server.post(tasks, taskDraft('t1'));
    const events = server.watch(`/apis/gantry.dev/v1/tasks?watch=true&fieldSelector=spec.nodeName%3Dn1`, {
      signal: abort.signal,
    });
    const first = take(events, 1);
    await server.post(`${tasks}/t1/binding`, { target: { name: 'n1' } });
    expect(brief((await first) as Shown[])).toEqual(['ADDED t1']);
  });

  it('resumed between the events of one revision repeats them rather than lose one', async () => {
    await server.post('/api/v1/nodes', { metadata: { name: 'n1' } });
    await server.mergePatch('/api/v1/nodes/n1/status', { status: { allocatable: { cpu: '1' } } });
    for (const name of ['t1', 't2']) await server.post(tasks, taskDraft(name));
    const items = ['t1', 't2'].map((name) => ({ namespace: 'default', name, node: 'n1' }));
    await server.post('/apis/gantry.dev/v1/plans', { binds: items });
    const { body } = await server.get(`${tasks}/t1`);
    const events = server.watch(`${tasks}?watch=true&resourceVersion=${body.metadata.resourceVersion}`, {
      signal: abort.signal,
    });
    expect(brief(await take(events, 2))).toEqual(['MODIFIED t1', 'MODIFIED t2']);
  });

  it('from a version that is gone ends in an explicit 410', async () => {
    const version = await write('a');
    const other = new TestServer({ store: server.store });
    await write('b');
    await other.server.start();
    const events = other.watch(`${configMaps}?watch=true&resourceVersion=${version}`);
    const shown = await take(events, 2);
    expect(shown).toMatchObject([
      { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } },
    ]);
    await other.server.close();
  });

  it('that wants initial events is told where they end', async () => {
    await write('a');
    const query = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const shown = await take(watch(query), 2);
    expect(brief(shown.slice(0, 1) as Shown[])).toEqual(['ADDED a']);
    expect(shown[1]).toMatchObject({
      type: 'BOOKMARK',
      object: { kind: 'ConfigMap', metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } },
    });
  });

  it('refuses initial events without their match', async () => {
    expect((await server.get(`${configMaps}?watch=true&sendInitialEvents=true`)).status).toBe(422);
  });

  it('ends when its time is over', async () => {
    const events = watch('timeoutSeconds=1');
    expect(await take(events, 1)).toEqual([]);
  });

  it('shows rows to people, the columns once', async () => {
    await write('a');
    await write('b');
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    const shown = await take(watch('', { accept }), 2);
    expect(shown[0].object.columnDefinitions[0].name).toBe('Name');
    expect(shown[1].object.columnDefinitions).toBeNull();
    expect(shown[1].object.rows[0].cells[0]).toBe('b');
  });

  it('of a server that stops ends cleanly', async () => {
    const events = watch('');
    const rest = take(events, 5);
    await new Promise((resolve) => setImmediate(resolve));
    await server.server.close();
    expect(await rest).toEqual([]);
  });

  it('that is not read is cut off, and harms nobody', async () => {
    const slow = await server.server.handle({
      method: 'GET',
      url: `${configMaps}?watch=true`,
      headers: {},
      body: Buffer.alloc(0),
      user: { name: 'gantry-admin', groups: ['system:masters', 'system:authenticated'] },
      signal: abort.signal,
    });
    const quick = watch('');
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      await server.post(configMaps, configMapDraft(name, { big: 'x'.repeat(400_000) }));
      expect(brief(await take(quick, 1))).toEqual([`ADDED ${name}`]);
    }
    const chunks: Buffer[] = [];
    for await (const chunk of slow.body as AsyncIterable<Buffer>) chunks.push(chunk);
    expect(Buffer.concat(chunks).length).toBe(0);
  });
});

describe('bookmarks', () => {
  it('come to those who ask, with the version of the whole store', async () => {
    const clock = new VirtualClock();
    const other = await TestServer.start({ clock });
    const events = other.watch(`${configMaps}?watch=true&allowWatchBookmarks=true`, { signal: abort.signal });
    const first = take(events, 1);
    await new Promise((resolve) => setImmediate(resolve));
    const { body } = await other.post('/api/v1/namespaces', { metadata: { name: 'unrelated' } });
    await clock.advance(15_000);
    expect(await first).toMatchObject([
      {
        type: 'BOOKMARK',
        object: { kind: 'ConfigMap', metadata: { resourceVersion: body.metadata.resourceVersion } },
      },
    ]);
    await other.close();
  });

  it('come every ten to fifteen seconds, and to nobody else', async () => {
    const clock = new VirtualClock();
    const other = await TestServer.start({ clock });
    const path = `${configMaps}?watch=true`;
    const types = { asked: [] as string[], silent: [] as string[] };
    const listen = async (url: string, seen: string[]): Promise<void> => {
      for await (const { type } of other.watch(url, { signal: abort.signal })) seen.push(type);
    };
    const listening = [listen(`${path}&allowWatchBookmarks=true`, types.asked), listen(path, types.silent)];
    for (let second = 0; second < 60; second++) {
      await new Promise((resolve) => setImmediate(resolve));
      await clock.advance(1000);
    }
    abort.abort();
    await Promise.all(listening);
    expect(types.asked.length).toBeGreaterThanOrEqual(4);
    expect(types.asked.length).toBeLessThanOrEqual(6);
    expect(new Set(types.asked)).toEqual(new Set(['BOOKMARK']));
    expect(types.silent).toEqual([]);
    await other.close();
  });
});
