/** What a Service and an EndpointSlice may look like, on the API server itself. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestServer } from '../server/test-server.ts';

const services = '/api/v1/namespaces/default/services';
let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start({ serviceCidr: '10.1.0.0/29' });
});
afterAll(() => server.close());

const service = (name: string, spec: object) => ({ metadata: { name }, spec });
const web = { selector: { app: 'web' }, ports: [{ port: 80 }] };

async function created(name: string, spec: object = web) {
  const { status, body } = await server.post(services, service(name, spec));
  expect(body.message).toBeUndefined();
  expect(status).toBe(201);
  return body.spec;
}

const remove = (name: string) => server.raw('DELETE', `${services}/${name}`);

describe('a service', () => {
  test('gets an address of the range, and what else Kubernetes defaults', async () => {
    const spec = await created('web');
    expect(spec.clusterIP).toMatch(/^10\.1\.0\.[1-6]$/);
    expect(spec).toMatchObject({
      type: 'ClusterIP',
      clusterIPs: [spec.clusterIP],
      sessionAffinity: 'None',
      ports: [{ port: 80, targetPort: 80, protocol: 'TCP' }],
      ipFamilies: ['IPv4'],
      internalTrafficPolicy: 'Cluster',
    });
    await remove('web');
  });

  test('keeps its address over updates that do not speak of it, and may not change it', async () => {
    const { clusterIP } = await created('web', { ...web, clusterIP: '10.1.0.3' });
    expect(clusterIP).toBe('10.1.0.3');
    const put = await server.raw('PUT', `${services}/web`, service('web', { ...web, ports: [{ port: 81 }] }));
    expect(put.body.spec).toMatchObject({ clusterIP: '10.1.0.3', ports: [{ port: 81 }] });
    const moved = await server.raw(
      'PUT',
      `${services}/web`,
      service('web', { ...web, clusterIP: '10.1.0.4' }),
    );
    expect(moved.status).toBe(422);
    await remove('web');
  });

  test('never shares its address: one of another service, or out of the range, is refused', async () => {
    await created('web', { ...web, clusterIP: '10.1.0.3' });
    for (const clusterIP of ['10.1.0.3', '10.2.0.3', 'nonsense']) {
      const { status, body } = await server.post(services, service('other', { ...web, clusterIP }));
      expect(status).toBe(422);
      expect(body.details.causes[0].field).toMatch(/^spec\.clusterIP/);
    }
    await remove('web');
    await created('other', { ...web, clusterIP: '10.1.0.3' });
    await remove('other');
  });

  test('created many at a time, each has its own; when none is left it says so; one that goes gives its back', async () => {
    const names = Array.from({ length: 6 }, (_, index) => `s${index}`);
    const specs = await Promise.all(names.map((name) => created(name)));
    expect(new Set(specs.map(({ clusterIP }) => clusterIP)).size).toBe(6);
    const { status, body } = await server.post(services, service('late', web));
    expect([status, body.reason]).toEqual([507, 'InsufficientStorage']);
    await remove('s3');
    await expect.poll(async () => (await server.post(services, service('late', web))).status).toBe(201);
    await Promise.all(['late', ...names].map(remove));
  });

  test('gives its address back when it becomes an alias', async () => {
    await created('web', { ...web, clusterIP: '10.1.0.5' });
    const alias = { type: 'ExternalName', externalName: 'db.example.org' };
    expect((await server.raw('PUT', `${services}/web`, service('web', alias))).status).toBe(200);
    await created('other', { ...web, clusterIP: '10.1.0.5' });
    await Promise.all([remove('web'), remove('other')]);
  });

  test('headless has no address', async () => {
    expect((await created('h', { ...web, clusterIP: 'None' })).clusterIP).toBe('None');
    expect((await created('h2', { clusterIP: 'None' })).clusterIP).toBe('None');
    await Promise.all([remove('h'), remove('h2')]);
  });

  test.each([
    ['no ports', { selector: {} }, 'spec.ports'],
    ['unnamed ports among several', { ports: [{ port: 1 }, { port: 2, name: 'b' }] }, 'spec.ports[0].name'],
    [
      'the same port twice',
      {
        ports: [
          { port: 1, name: 'a' },
          { port: 1, name: 'b' },
        ],
      },
      'spec.ports[1].port',
    ],
    ['a port out of range', { ports: [{ port: 0 }] }, 'spec.ports[0].port'],
    ['a target that is no name', { ports: [{ port: 1, targetPort: 'A_B' }] }, 'spec.ports[0].targetPort'],
    ['an alias of nothing', { type: 'ExternalName' }, 'spec.externalName'],
    ['an unknown type', { ...web, type: 'Balloon' }, 'spec.type'],
    ['a selector that selects nothing', { ...web, selector: { 'a b': 'c' } }, 'spec.selector[a b]'],
  ])('with %s is refused', async (_name, spec, field) => {
    const { status, body } = await server.post(services, service('bad', spec));
    expect(status).toBe(422);
    expect(body.details.causes.map((cause: { field: string }) => cause.field)).toContain(field);
  });

  test('must have a name that is one label of a DNS name', async () => {
    expect((await server.post(services, service('a.b', web))).status).toBe(422);
  });
});

test('an endpoint slice must have addresses of its family', async () => {
  const slice = (address: string) => ({
    metadata: { name: 's' },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address] }],
  });
  const path = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';
  expect((await server.post(path, slice('fe80::1'))).status).toBe(422);
  const { body } = await server.post(path, slice('10.0.0.1'));
  expect(body).toMatchObject({ ports: [], endpoints: [{ addresses: ['10.0.0.1'], conditions: {} }] });
});
