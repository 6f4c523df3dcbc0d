/** Lists and gets: selectors, pages of one snapshot, versions. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, configMapDraft, configMaps, jobDraft, jobs, TestServer } from './test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.close());

const namesOf = ({ body }: Answer): string[] =>
  body.items.map((item: { metadata: { name: string } }) => item.metadata.name);

describe('a list', () => {
  const root = '/api/v1/namespaces/lists/configmaps';
  beforeAll(async () => {
    await server.post('/api/v1/namespaces', { metadata: { name: 'lists' } });
    for (let n = 0; n < 7; n++)
      await server.post(root, {
        ...configMapDraft(`m${n}`),
        metadata: { name: `m${n}`, labels: { parity: n % 2 ? 'odd' : 'even' } },
      });
  });

  it.each([
    ['labelSelector=parity%3Dodd', ['m1', 'm3', 'm5']],
    ['labelSelector=parity+in+(even),parity', ['m0', 'm2', 'm4', 'm6']],
    ['labelSelector=!parity', []],
    ['fieldSelector=metadata.name%3Dm4', ['m4']],
    ['fieldSelector=metadata.name!%3Dm4&labelSelector=parity%3Deven', ['m0', 'm2', 'm6']],
  ])('with %s has those', async (query, expected) => {
    expect(namesOf(await server.get(`${root}?${query}`))).toEqual(expected);
  });

  it.each([
    'labelSelector=a+in+(',
    'labelSelector=,,',
    'fieldSelector=data.a%3D1',
    'limit=-1',
    'resourceVersion=abc',
    'continue=nonsense',
  ])('with %s is a bad request', async (query) => {
    const { status, body } = await server.get(`${root}?${query}`);
    expect({ status, reason: body.reason }).toEqual({ status: 400, reason: 'BadRequest' });
  });

  it('in pages is one snapshot, whatever is written between them', async () => {
    const first = await server.get(`${root}?limit=3`);
    expect(namesOf(first)).toEqual(['m0', 'm1', 'm2']);
    expect(first.body.metadata.remainingItemCount).toBe(4);
    await server.delete(`${root}/m5`);
    await server.post(root, configMapDraft('m55'));
    const second = await server.get(`${root}?limit=3&continue=${first.body.metadata.continue}`);
    const third = await server.get(`${root}?limit=3&continue=${second.body.metadata.continue}`);
    expect([...namesOf(second), ...namesOf(third)]).toEqual(['m3', 'm4', 'm5', 'm6']);
    expect(second.body.metadata.resourceVersion).toBe(first.body.metadata.resourceVersion);
    expect(third.body.metadata.continue).toBeUndefined();
  });

  it('whose snapshot is compacted says so, with a token to go on without it', async () => {
    const first = await server.get(`${root}?limit=2`);
    const { body } = await server.post(root, configMapDraft('later'));
    await server.store.compact(Number(body.metadata.resourceVersion));
    const gone = await server.get(`${root}?limit=2&continue=${first.body.metadata.continue}`);
    expect({ status: gone.status, reason: gone.body.reason }).toEqual({ status: 410, reason: 'Expired' });
    const rest = await server.get(`${root}?continue=${gone.body.metadata.continue}`);
    expect(namesOf(rest)[0]).toBe('m2');
  });

  it('larger than a chunk is streamed whole', async () => {
    for (let n = 0; n < 8; n++)
      await server.post('/api/v1/namespaces/lists/secrets', {
        metadata: { name: `s${n}` },
        stringData: {},
        data: { a: 'QUFB'.repeat(20_000) },
      });
    const { body } = await server.get('/api/v1/namespaces/lists/secrets');
    expect(body.items).toHaveLength(8);
  });

  it('over all namespaces has them all', async () => {
    await server.post(configMaps, configMapDraft('elsewhere'));
    expect(namesOf(await server.get('/api/v1/configmaps'))).toEqual(
      expect.arrayContaining(['elsewhere', 'm0']),
    );
  });
});

describe('a version', () => {
  it('that is exact shows the past', async () => {
    const { body: old } = await server.post(configMaps, configMapDraft('past', { a: '1' }));
    const version = old.metadata.resourceVersion;
    await server.mergePatch(`${configMaps}/past`, { data: { a: '2' } });
    await server.delete(`${configMaps}/past`);
    const query = `resourceVersion=${version}&resourceVersionMatch=Exact`;
    expect((await server.get(`${configMaps}/past?${query}`)).body.data).toEqual({ a: '1' });
    const list = await server.get(`${configMaps}?${query}&fieldSelector=metadata.name%3Dpast`);
    expect(namesOf(list)).toEqual(['past']);
    expect(list.body.metadata.resourceVersion).toBe(version);
  });

  it('of the future is not served, and says when to ask again', async () => {
    const { status, headers, body } = await server.get(`${configMaps}?resourceVersion=999999`);
    expect({ status, reason: body.reason, retry: headers['retry-after'] }).toEqual({
      status: 504,
      reason: 'Timeout',
      retry: '1',
    });
  });

  it('of a list is the revision of the read, not of its items', async () => {
    const { body } = await server.post(jobs, jobDraft('newest'));
    const list = await server.get(configMaps);
    expect(Number(list.body.metadata.resourceVersion)).toBeGreaterThanOrEqual(
      Number(body.metadata.resourceVersion),
    );
  });
});

describe('the form of an answer', () => {
  const table = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

  it('is a table for people', async () => {
    await server.post(jobs, jobDraft('shown'));
    const { body } = await server.get(jobs, { headers: { accept: table } });
    expect(body.kind).toBe('Table');
    expect(body.rows.map((row: { cells: unknown[] }) => row.cells[0])).toContain('shown');
  });

  it('is metadata alone on request', async () => {
    const accept = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io';
    const { body } = await server.get(`${jobs}/shown`, { headers: { accept } });
    expect(body.kind).toBe('PartialObjectMetadata');
    expect(body.spec).toBeUndefined();
  });
});

describe('a path', () => {
  it.each([
    '/api/v1//namespaces',
    '/api/v1/namespaces/../secrets',
    '/api/v1/namespaces/a%2fb',
    '/api/v1/namespaces/%2e%2e',
    '/api/v1/./nodes',
    '/api/v1/nodes;a=b',
    '/api/v1/nodes\\x',
    'http://other/api',
  ])('such as %s is refused as it stands', async (url) => {
    expect((await server.get(url)).status).toBe(400);
  });

  it.each([
    '/api/v2/nodes',
    '/apis/gantry.dev/v1/namespaces/default/nodes',
    '/apis/gantry.dev/v2/jobs',
    '/nothing',
    '/apis/unknown.dev/v1',
  ])('such as %s does not exist', async (url) => {
    const { status, body } = await server.get(url);
    expect({ status, reason: body.reason }).toEqual({ status: 404, reason: 'NotFound' });
  });
});

describe('health', () => {
  it('needs no identity and names its checks', async () => {
    const response = await server.server.handle({
      method: 'GET',
      url: '/readyz?verbose',
      headers: {},
      body: Buffer.alloc(0),
      signal: new AbortController().signal,
    });
    expect(response.status).toBe(200);
    expect(String(response.body)).toContain('[+]watch-cache ok');
  });

  it('counts requests by verb, resource and code', async () => {
    const { body } = await server.get('/metrics');
    expect(body).toMatch(/apiserver_request_total\{verb="list",resource="configmaps",code="200"\} \d+/);
    expect(body).toContain('store_cache_drift_total 0');
  });
});
