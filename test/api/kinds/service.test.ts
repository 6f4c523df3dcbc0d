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

describe('a service on the ports of nodes', () => {
  const external = (more: object = {}) => ({ ...web, type: 'NodePort', ...more });
  const portsOf = (spec: { ports: { nodePort?: number }[] }) =>
    spec.ports.map(({ nodePort }) => nodePort ?? 0);

  test('gets a port of the range, keeps it over updates, and gives it back with its type', async () => {
    const spec = await created('web', external());
    const [port = 0] = portsOf(spec);
    expect(port).toBeGreaterThanOrEqual(30_000);
    expect(port).toBeLessThanOrEqual(32_767);
    expect(spec.externalTrafficPolicy).toBe('Cluster');
    const two = [
      { name: 'a', port: 81 },
      { name: 'b', port: 80 },
    ];
    const put = await server.raw('PUT', `${services}/web`, service('web', external({ ports: two })));
    expect(portsOf(put.body.spec)[1]).toBe(port);
    expect(new Set(portsOf(put.body.spec)).size).toBe(2);
    const headers = { 'content-type': 'application/strategic-merge-patch+json' };
    const patch = { spec: { type: 'ClusterIP' } };
    const { body } = await server.raw('PATCH', `${services}/web`, patch, { headers });
    expect(portsOf(body.spec)).toEqual([0, 0]);
    expect(body.spec).not.toHaveProperty('externalTrafficPolicy');
    await created('other', external({ ports: [{ port: 80, nodePort: port }] }));
    await remove('web');
    await remove('other');
  });

  test('shares its port with no other service, but among its own TCP and UDP', async () => {
    const ports = ['TCP', 'UDP'].map((protocol) => ({
      name: protocol.toLowerCase(),
      protocol,
      port: 53,
      nodePort: 30_053,
    }));
    expect(portsOf(await created('dns', external({ ports })))).toEqual([30_053, 30_053]);
    const { status, body } = await server.post(
      services,
      service('other', external({ ports: ports.slice(0, 1) })),
    );
    expect(status).toBe(422);
    expect(body.details.causes).toMatchObject([
      { field: 'spec.ports[0].nodePort', message: expect.stringContaining('already allocated') },
    ]);
    await remove('dns');
  });

  test('of type LoadBalancer waits for whoever balances, with ports on nodes unless it wants none', async () => {
    expect(portsOf(await created('balanced', external({ type: 'LoadBalancer' })))[0]).toBeGreaterThan(0);
    const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
    const cells = async () => (await server.get(`${services}/balanced`, { headers })).body.rows[0].cells;
    expect((await cells())[3]).toBe('<pending>');
    const status = { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } };
    const merge = { 'content-type': 'application/merge-patch+json' };
    await server.raw('PATCH', `${services}/balanced/status`, { status }, { headers: merge });
    expect((await cells()).slice(3, 5)).toEqual(['192.0.2.1', expect.stringMatching(/^80:3\d{4}\/TCP$/)]);
    await remove('balanced');
    const without = external({ type: 'LoadBalancer', allocateLoadBalancerNodePorts: false });
    expect(portsOf(await created('balanced', without))).toEqual([0]);
    await remove('balanced');
  });

  test.each<[string, object, string]>([
    ['a port outside the range', external({ ports: [{ port: 80, nodePort: 80 }] }), 'spec.ports[0].nodePort'],
    ['a port of a ClusterIP', { ...web, ports: [{ port: 80, nodePort: 30_080 }] }, 'spec.ports[0].nodePort'],
    ['a policy of a ClusterIP', { ...web, externalTrafficPolicy: 'Local' }, 'spec.externalTrafficPolicy'],
    ['no ports', external({ ports: [] }), 'spec.ports'],
    ['no address', external({ clusterIP: 'None' }), 'spec.clusterIPs[0]'],
  ])('with %s is refused', async (_name, spec, field) => {
    const { status, body } = await server.post(services, service('wrong', spec));
    expect(status).toBe(422);
    expect(body.details.causes.map((cause: { field: string }) => cause.field)).toContain(field);
  });
});
