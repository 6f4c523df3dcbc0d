/** Pods and tasks: one stored object, two forms. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestServer } from '../test-server.ts';

const pods = '/api/v1/namespaces/default/pods';
const tasks = '/apis/gantry.dev/v1/namespaces/default/tasks';

const container = { name: 'main', image: 'busybox', command: ['sleep', '60'] };
const task = (name: string, spec: object = {}, metadata: object = {}) => ({
  apiVersion: 'gantry.dev/v1',
  kind: 'Task',
  metadata: { name, ...metadata },
  spec: { containers: [container], ...spec },
});

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.close());

describe('a task read as a pod', () => {
  test('has the same identity, and none of the words of a task alone', async () => {
    const created = (
      await server.post(tasks, task('seen', { job: 'web', index: 0 }, { labels: { app: 'web' } }))
    ).body;
    const { body: pod } = await server.get(`${pods}/seen`);
    expect(pod).toMatchObject({ apiVersion: 'v1', kind: 'Pod' });
    expect(pod.metadata).toEqual(created.metadata);
    expect(pod.spec).toMatchObject({ containers: created.spec.containers, dnsPolicy: 'ClusterFirst' });
    expect(pod.spec).not.toHaveProperty('job');
    expect(pod.status).toEqual({ phase: 'Pending' });
  });

  test('shows its status in the words of Kubernetes', async () => {
    await server.post(tasks, task('running'));
    const condition = { type: 'Scheduled', status: 'True' };
    const main = { name: 'main', ready: true, restartCount: 2, state: { running: {} }, pid: 42 };
    const status = {
      phase: 'Running',
      hostIP: '10.0.0.7',
      conditions: [condition],
      containerStatuses: [main],
    };
    await server.mergePatch(`${tasks}/running/status`, { status });
    const { body: pod } = await server.get(`${pods}/running`);
    expect(pod.status).toMatchObject({
      hostIPs: [{ ip: '10.0.0.7' }],
      podIP: '10.0.0.7',
      podIPs: [{ ip: '10.0.0.7' }],
      conditions: [{ type: 'PodScheduled', status: 'True' }],
      containerStatuses: [{ name: 'main', image: '', imageID: '', lastState: {} }],
    });
    expect(pod.status.containerStatuses[0]).not.toHaveProperty('pid');
  });

  test('says why it is not scheduled', async () => {
    await server.post(tasks, task('waiting'));
    const pending = { reason: 'NoNodes', message: 'there are no nodes', since: '2026-01-01T00:00:00Z' };
    await server.mergePatch(`${tasks}/waiting/status`, { status: { pending } });
    const { body: pod } = await server.get(`${pods}/waiting`);
    expect(pod.status.conditions).toEqual([
      { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: 'there are no nodes' },
    ]);
    expect(pod.status).not.toHaveProperty('pending');
  });

  test('an annotation that is no difference is passed over', async () => {
    const annotations = { 'gantry.dev/pod': '{"nodeName":"other","containers":[' };
    await server.post(tasks, task('odd', {}, { annotations }));
    const { body: pod } = await server.get(`${pods}/odd`);
    expect(pod.spec.containers).toHaveLength(1);
    expect(pod.metadata).not.toHaveProperty('annotations');
  });

  test('runs where the task runs, whatever an annotation says', async () => {
    const annotations = { 'gantry.dev/pod': '{"nodeName":"other"}', note: 'kept' };
    await server.post(tasks, task('liar', {}, { annotations }));
    const { body: pod } = await server.get(`${pods}/liar`);
    expect(pod.spec).not.toHaveProperty('nodeName');
    expect(pod.metadata.annotations).toEqual({ note: 'kept' });
  });
});

describe('lists and watches of pods', () => {
  test('have every task, select by fields, and come as tables of kubectl', async () => {
    await server.post(tasks, task('listed', {}, { labels: { list: 'yes' } }));
    const { body: list } = await server.get(
      `${pods}?labelSelector=list=yes&fieldSelector=status.phase=Pending`,
    );
    expect(list).toMatchObject({ kind: 'PodList', apiVersion: 'v1' });
    expect(
      list.items.map(({ kind, metadata }: { kind: string; metadata: { name: string } }) => [
        kind,
        metadata.name,
      ]),
    ).toEqual([['Pod', 'listed']]);
    const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };
    const { body: table } = await server.get(`${pods}?labelSelector=list=yes`, { headers });
    const columns = table.columnDefinitions.map(({ name }: { name: string }) => name.toUpperCase());
    expect(columns).toEqual([
      'NAME',
      'READY',
      'STATUS',
      'RESTARTS',
      'AGE',
      'IP',
      'NODE',
      'NOMINATED NODE',
      'READINESS GATES',
    ]);
    expect(table.rows[0].cells.slice(0, 4)).toEqual(['listed', '0/1', 'Pending', 0]);
    expect((await server.get(`${pods}?fieldSelector=spec.job=web`)).status).toBe(400);
  });

  test('every page is of pods, at the snapshot of the first', async () => {
    for (const name of ['page-a', 'page-b', 'page-c'])
      await server.post(tasks, task(name, {}, { labels: { page: 'yes' } }));
    const first = (await server.get(`${pods}?labelSelector=page=yes&limit=2`)).body;
    await server.delete(`${tasks}/page-c`);
    const rest = (
      await server.get(`${pods}?labelSelector=page=yes&limit=2&continue=${first.metadata.continue}`)
    ).body;
    const names = [...first.items, ...rest.items].map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    expect(names).toEqual(['Pod/page-a', 'Pod/page-b', 'Pod/page-c']);
    expect(rest.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  });

  test('a watch of pods tells every event of the tasks at its version', async () => {
    const end = new AbortController();
    const { resourceVersion } = (await server.get(`${pods}?limit=1`)).body.metadata;
    const seen = [];
    const created = (await server.post(tasks, task('watched', {}, { labels: { watch: 'yes' } }))).body;
    const changed = (await server.mergePatch(`${tasks}/watched`, { metadata: { labels: { more: 'x' } } }))
      .body;
    await server.delete(`${tasks}/watched`);
    const query = `watch=true&labelSelector=watch=yes&resourceVersion=${resourceVersion}`;
    for await (const event of server.watch(`${pods}?${query}`, { signal: end.signal })) {
      seen.push(event);
      if (event.type === 'DELETED') break;
    }
    end.abort();
    expect(seen.map(({ type, object }) => [type, object.kind, object.apiVersion])).toEqual([
      ['ADDED', 'Pod', 'v1'],
      ['MODIFIED', 'Pod', 'v1'],
      ['DELETED', 'Pod', 'v1'],
    ]);
    expect(seen[0].object.metadata.resourceVersion).toBe(created.metadata.resourceVersion);
    expect(seen[1].object.metadata.resourceVersion).toBe(changed.metadata.resourceVersion);
  });

  test('PartialObjectMetadata of pods holds nothing of the task either', async () => {
    const annotations = { 'gantry.dev/pod': '{"dnsPolicy":"Default"}' };
    await server.post(tasks, task('partial', {}, { annotations }));
    const headers = { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' };
    const { body } = await server.get(`${pods}/partial`, { headers });
    expect(body).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { name: 'partial' } });
    expect(body.metadata).not.toHaveProperty('annotations');
  });
});

test('discovery tells pods from tasks, and what can be done with them', async () => {
  const { body } = await server.get('/api/v1');
  const entries = body.resources.filter(({ name }: { name: string }) => name.split('/')[0] === 'pods');
  expect(entries[0]).toMatchObject({ name: 'pods', kind: 'Pod', shortNames: ['po'], categories: ['all'] });
  const parts = entries.slice(1).map(({ name, kind }: { name: string; kind: string }) => `${name} ${kind}`);
  expect(parts).toEqual(
    expect.arrayContaining([
      'pods/status Pod',
      'pods/log Pod',
      'pods/exec PodExecOptions',
      'pods/binding Binding',
    ]),
  );
});
