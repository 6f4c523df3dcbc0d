import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openMemoryStore } from '../../../../api/store/memory-store.ts';
import { type Answer, TestServer, take } from '../test-server.ts';
import {
  conditionOf,
  cronTab,
  cronTabDefinition,
  cronTabs,
  cronTabVersion,
  define,
  definitions,
  untilCondition,
  untilGone,
} from './crontab.ts';

const name = 'crontabs.stable.example.com';
const path = `${definitions}/${name}`;

let server: TestServer;
beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(() => server.close());

describe('a definition', () => {
  it('is established within a second, with its names and versions', async () => {
    const startMs = performance.now();
    await define(server);
    expect(performance.now() - startMs).toBeLessThan(1000);
    const { body } = await server.get(path);
    expect(body.status.acceptedNames).toMatchObject({ plural: 'crontabs', listKind: 'CronTabList' });
    expect(body.status.storedVersions).toEqual(['v1']);
    expect(await conditionOf(server, name, 'NamesAccepted')).toMatchObject({
      status: 'True',
      reason: 'NoConflicts',
    });
  });

  it('is shown in discovery and OpenAPI, and gone from them with its kind', async () => {
    await define(server);
    const { body: list } = await server.get('/apis/stable.example.com/v1');
    expect(list.resources.map((resource: { name: string }) => resource.name)).toEqual([
      'crontabs',
      'crontabs/status',
      'crontabs/scale',
    ]);
    const aggregated = { accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' };
    expect(JSON.stringify((await server.get('/apis', { headers: aggregated })).body)).toContain('"crontabs"');
    const { body: openApi } = await server.get('/openapi/v3/apis/stable.example.com/v1');
    expect(
      openApi.components.schemas['com.example.stable.v1.CronTab'].properties.spec.properties.cronSpec,
    ).toMatchObject({
      description: 'When to run.',
    });
    await server.delete(path);
    await untilGone(server, name);
    expect((await server.get('/apis/stable.example.com')).status).toBe(404);
    expect((await server.get(cronTabs)).status).toBe(404);
    expect((await server.get('/openapi/v3/apis/stable.example.com/v1')).status).toBe(404);
  });

  it('takes its objects with it, once their finalizers are through', async () => {
    await define(server);
    for (const each of ['a', 'b']) await server.post(cronTabs, cronTab(each));
    const held = cronTab('held');
    held.metadata.finalizers = ['example.com/wait'];
    await server.post(cronTabs, held);
    await server.delete(path);
    await untilCondition(server, name, 'Terminating', 'True');
    await expect.poll(async () => (await server.get(cronTabs)).body.items.length).toBe(1);
    expect((await server.post(cronTabs, cronTab('late'))).status).toBe(405);
    expect((await server.get(path)).status).toBe(200);
    await server.mergePatch(`${cronTabs}/held`, { metadata: { finalizers: null } });
    await untilGone(server, name);
    await define(server);
    expect((await server.get(cronTabs)).body.items).toEqual([]);
  });

  it('waits for names that another one has, and gets them when that one goes', async () => {
    await define(server);
    const other = cronTabDefinition();
    other.metadata.name = 'crons.stable.example.com';
    Object.assign(other.spec.names, { plural: 'crons', singular: 'cron', kind: 'Cron' });
    await server.post(definitions, other);
    await untilCondition(server, other.metadata.name, 'NamesAccepted', 'False');
    expect(await conditionOf(server, other.metadata.name, 'NamesAccepted')).toMatchObject({
      reason: 'ShortNamesConflict',
      message: '"ct" is already in use',
    });
    expect(await conditionOf(server, other.metadata.name, 'Established')).toMatchObject({ status: 'False' });
    expect((await server.get('/apis/stable.example.com/v1/crons')).status).toBe(404);
    await server.delete(path);
    await untilCondition(server, other.metadata.name, 'Established', 'True');
    expect((await server.get('/apis/stable.example.com/v1/crons')).status).toBe(200);
  });

  it('changes its kind when it changes, and ends the watches of the kind', async () => {
    await define(server);
    await server.post(cronTabs, cronTab('a', { color: 'red' }));
    const ended = take(server.watch(`${cronTabs}?watch=true`), 100);
    const { body } = await server.get(path);
    const { spec } = body.spec.versions[0].schema.openAPIV3Schema.properties;
    spec.properties.color.enum = ['blue', 'red'];
    spec.properties.size = { type: 'string', default: 'small' };
    expect((await server.put(path, body)).status).toBe(200);
    expect((await ended).map(({ type }) => type)).toEqual(['ADDED']);
    expect((await server.post(cronTabs, cronTab('b', { color: 'green' }))).status).toBe(422);
    const { body: b } = await server.post(cronTabs, cronTab('b', { color: 'blue' }));
    expect(b.spec.size).toBe('small');
  });

  it('is served by every API server of the store, and after a restart', async () => {
    const store = openMemoryStore();
    const first = await TestServer.start({ store });
    const second = await TestServer.start({ store });
    await define(first);
    await untilCondition(second, name, 'Established', 'True');
    expect((await second.post(cronTabs, cronTab('a'))).status).toBe(201);
    await second.server.close();
    const third = await TestServer.start({ store });
    expect((await third.get(`${cronTabs}/a`)).status).toBe(200);
    await third.server.close();
    await first.close();
  });
});

describe('objects of a custom kind', () => {
  beforeEach(async () => {
    await define(server);
  });

  it('are defaulted, pruned and counted like any others', async () => {
    const { body, headers } = await server.post(cronTabs, cronTab('a', { junk: 1 }));
    expect(body.spec).toEqual({ cronSpec: '5 0 * * *', replicas: 1 });
    expect(headers['warning']).toEqual(['299 - "unknown field \\"spec.junk\\""']);
    const { body: changed } = await server.mergePatch(`${cronTabs}/a`, {
      spec: { replicas: 2 },
      status: { replicas: 9 },
    });
    expect(changed).toMatchObject({ metadata: { generation: 2 }, spec: { replicas: 2 } });
    expect(changed.status).toBeUndefined();
    const { body: reported } = await server.mergePatch(`${cronTabs}/a/status`, { status: { replicas: 2 } });
    expect(reported).toMatchObject({ metadata: { generation: 2 }, status: { replicas: 2 } });
    const strict = await server.post(`${cronTabs}?fieldValidation=Strict`, cronTab('b', { replica: 1 }));
    expect(strict.body.message).toContain('unknown field "spec.replica" (did you mean "replicas"?)');
  });

  const bad: [spec: object, message: string][] = [
    [{ cronSpec: 'x' }, 'spec.cronSpec: Invalid value: "x": must match pattern'],
    [{ replicas: 0 }, 'spec.replicas: Invalid value: 0: must be greater than or equal to 1'],
    [{ replicas: '3' }, 'spec.replicas: Invalid value: "3": must be an integer'],
    [{ image: 'elsewhere/x' }, 'spec: Invalid value: image must come from registry.example'],
  ];
  it.each(bad)('are refused with %j', async (spec, message) => {
    const answer = await server.post(cronTabs, cronTab('bad', spec));
    expect([answer.status, answer.body.message]).toEqual([422, expect.stringContaining(message)]);
  });

  it('may change only as their rules allow', async () => {
    await server.post(cronTabs, cronTab('a'));
    const refused = await server.mergePatch(`${cronTabs}/a`, { spec: { replicas: 9 } });
    expect(refused.body.details.causes).toEqual([
      {
        field: 'spec.replicas',
        message: 'Forbidden: may grow by 3 at a time, not to 9',
        reason: 'FieldValueForbidden',
      },
    ]);
    expect((await server.mergePatch(`${cronTabs}/a`, { spec: { replicas: 4 } })).status).toBe(200);
  });

  it('have the columns, the selectable fields and the scale of their definition', async () => {
    await server.post(cronTabs, cronTab('a', { color: 'red' }));
    await server.post(cronTabs, cronTab('b', { color: 'blue', replicas: 3 }));
    const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
    const { body: table } = await server.get(`${cronTabs}?fieldSelector=spec.color=blue`, { headers });
    expect(table.columnDefinitions.map((column: { name: string }) => column.name)).toEqual([
      'Name',
      'Spec',
      'Replicas',
      'Age',
      'Color',
    ]);
    expect(table.rows.map(({ cells }: { cells: unknown[] }) => cells)).toEqual([
      ['b', '5 0 * * *', 3, expect.stringMatching(/^\d+s$/), 'blue'],
    ]);
    await server.mergePatch(`${cronTabs}/b/status`, { status: { replicas: 1, labelSelector: 'app=b' } });
    const { body: scale } = await server.mergePatch(`${cronTabs}/b/scale`, { spec: { replicas: 5 } });
    expect([scale.spec, scale.status]).toEqual([{ replicas: 5 }, { replicas: 1, selector: 'app=b' }]);
    expect((await server.get(`${cronTabs}/b`)).body.spec.replicas).toBe(5);
  });
});

describe('versions of a custom kind', () => {
  const v2 = cronTabs.replace('/v1/', '/v2/');

  beforeEach(async () => {
    const versions = [{ ...cronTabVersion('v1'), storage: false }, cronTabVersion('v2')];
    await define(server, cronTabDefinition({}, { versions }));
  });

  const versionsOf = ({ body }: Answer): string[] =>
    body.items.map((item: { apiVersion: string }) => item.apiVersion);

  it('show the same objects, each with its own apiVersion', async () => {
    expect((await server.post(cronTabs, cronTab('a'))).body.apiVersion).toBe('stable.example.com/v1');
    expect((await server.get(`${v2}/a`)).body.apiVersion).toBe('stable.example.com/v2');
    expect((await server.get(`${cronTabs}/a`)).body.apiVersion).toBe('stable.example.com/v1');
    expect(versionsOf(await server.get(v2))).toEqual(['stable.example.com/v2']);
    expect(versionsOf(await server.get(cronTabs))).toEqual(['stable.example.com/v1']);
    const patched = await server.mergePatch(`${v2}/a`, { spec: { replicas: 2 } });
    expect(patched.body).toMatchObject({ apiVersion: 'stable.example.com/v2', spec: { replicas: 2 } });
    const { body: same } = await server.mergePatch(`${cronTabs}/a`, { spec: { replicas: 2 } });
    expect(same.metadata.resourceVersion).toBe(patched.body.metadata.resourceVersion);
  });

  it('have watches of their own', async () => {
    const abort = new AbortController();
    const watches = [cronTabs, v2].map((url) =>
      take(server.watch(`${url}?watch=true`, { signal: abort.signal }), 3),
    );
    await server.post(v2, { ...cronTab('a'), apiVersion: 'stable.example.com/v2' });
    await server.mergePatch(`${cronTabs}/a`, { spec: { replicas: 2 } });
    await server.delete(`${v2}/a`);
    const seen = await Promise.all(watches);
    abort.abort();
    for (const [index, events] of seen.entries()) {
      expect(events.map(({ type, object }) => [type, object.apiVersion])).toEqual(
        ['ADDED', 'MODIFIED', 'DELETED'].map((type) => [type, `stable.example.com/v${index + 1}`]),
      );
    }
  });

  it('are preferred newest first', async () => {
    const { body } = await server.get('/apis/stable.example.com');
    expect(body.preferredVersion.version).toBe('v2');
  });

  it('cannot be taken out while objects may be stored in them', async () => {
    const { body } = await server.get(path);
    body.spec.versions = [cronTabVersion('v1')];
    const { status, body: answer } = await server.put(path, body);
    expect([status, answer.message]).toEqual([
      422,
      expect.stringContaining('"v2": must appear in spec.versions'),
    ]);
  });
});
