/** How objects end: grace, finalizers, propagation, preconditions, owners, namespaces, selections. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../api/meta/clock.ts';
import { addNode, configMapDraft, configMaps, TestServer, taskDraft, tasks } from './test-server.ts';

let clock: VirtualClock;
let server: TestServer;
beforeEach(async () => {
  clock = new VirtualClock();
  server = await TestServer.start({ clock });
});
afterEach(() => server.close());

interface Shown {
  metadata: Record<string, unknown> & { uid: string; resourceVersion: string };
}

async function create(name: string, metadata: object = {}): Promise<Shown> {
  const { status, body } = await server.post(configMaps, {
    ...configMapDraft(name),
    metadata: { name, ...metadata },
  });
  expect([status, body.message]).toEqual([201, undefined]);
  return body;
}

const exists = async (url: string): Promise<boolean> => (await server.get(url)).status === 200;
const later = (seconds: number): string =>
  `${new Date(clock.now() + seconds * 1000).toISOString().slice(0, 19)}Z`;

describe('a running task', () => {
  const url = `${tasks}/t1`;
  async function startTask(): Promise<Shown> {
    await addNode(server, 'n1', { cpu: '1' });
    await server.post(tasks, taskDraft('t1'));
    await server.post(`${url}/binding`, { target: { name: 'n1' } });
    return (await server.get(url)).body;
  }

  it.each([
    { first: {}, second: {}, grace: 30 },
    { first: {}, second: { gracePeriodSeconds: 60 }, grace: 30 },
    { first: {}, second: { gracePeriodSeconds: 30 }, grace: 30 },
    { first: {}, second: { gracePeriodSeconds: 5 }, grace: 5 },
    { first: {}, second: { gracePeriodSeconds: 29 }, grace: 29 },
    { first: { gracePeriodSeconds: 60 }, second: {}, grace: 60 },
    { first: { gracePeriodSeconds: 5 }, second: {}, grace: 5 },
    { first: { gracePeriodSeconds: 5 }, second: { gracePeriodSeconds: 9 }, grace: 5 },
  ])('deleted with $first and 20 s later with $second has $grace s from the first on', async (given) => {
    await startTask();
    const deadline = later(given.grace);
    await server.delete(url, given.first);
    await clock.advance(20_000);
    const { body } = await server.delete(url, given.second);
    expect(body.metadata).toMatchObject({
      deletionTimestamp: deadline,
      deletionGracePeriodSeconds: given.grace,
      generation: 2,
    });
  });

  it('goes at once when no grace is left to it', async () => {
    await startTask();
    await server.delete(url);
    const { body } = await server.delete(url, { gracePeriodSeconds: 0 });
    expect(body).toMatchObject({ kind: 'Status', status: 'Success' });
    expect(await exists(url)).toBe(false);
  });

  it('that has ended goes with the next delete', async () => {
    await startTask();
    await server.delete(url);
    await server.mergePatch(`${url}/status`, { status: { phase: 'Failed' } });
    expect(await exists(url)).toBe(true);
    await server.delete(url);
    expect(await exists(url)).toBe(false);
  });

  it('without a node goes at once, whatever the grace', async () => {
    await server.post(tasks, taskDraft('t1'));
    await server.delete(url, { gracePeriodSeconds: 60 });
    expect(await exists(url)).toBe(false);
  });

  it('deleted again without a change makes no revision', async () => {
    await startTask();
    const { body: first } = await server.delete(url);
    const { body: second } = await server.delete(url);
    expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  });
});

describe('finalizers', () => {
  const hold = ['example.com/a', 'example.com/b'];

  it('hold the object until the last is off, in any order', async () => {
    await create('held', { finalizers: hold });
    const { status, body } = await server.delete(`${configMaps}/held`);
    expect([status, body.metadata.finalizers, body.metadata.generation]).toEqual([200, hold, 2]);
    await server.mergePatch(`${configMaps}/held`, { metadata: { finalizers: [hold[1]] } });
    expect(await exists(`${configMaps}/held`)).toBe(true);
    await server.mergePatch(`${configMaps}/held`, { metadata: { finalizers: [] } });
    expect(await exists(`${configMaps}/held`)).toBe(false);
  });

  it.each([
    ['no deletion', { metadata: { deletionTimestamp: '2020-01-01T00:00:00Z' } }],
    ['no grace', { metadata: { deletionGracePeriodSeconds: 5 } }],
  ])('or not, %s is begun by a write', async (_what, patch) => {
    await create('written');
    const { body } = await server.mergePatch(`${configMaps}/written`, patch);
    expect(body.metadata.deletionTimestamp).toBeUndefined();
    expect(body.metadata.deletionGracePeriodSeconds).toBeUndefined();
  });

  it('cannot be taken back, and none comes on, once the deletion has begun', async () => {
    await create('going', { finalizers: [hold[0]] });
    await server.delete(`${configMaps}/going`);
    const { body: undone } = await server.mergePatch(`${configMaps}/going`, {
      metadata: { deletionTimestamp: null },
    });
    expect(undone.metadata.deletionTimestamp).toBeDefined();
    const more = await server.mergePatch(`${configMaps}/going`, { metadata: { finalizers: hold } });
    expect([more.status, more.body.details.causes[0].field]).toEqual([422, 'metadata.finalizers']);
  });
});

describe('the propagation policy', () => {
  it.each([
    { had: [], policy: 'Background', has: undefined },
    { had: [], policy: 'Foreground', has: ['foregroundDeletion'] },
    { had: [], policy: 'Orphan', has: ['orphan'] },
    { had: ['example.com/a'], policy: undefined, has: ['example.com/a'] },
    { had: ['example.com/a'], policy: 'Foreground', has: ['example.com/a', 'foregroundDeletion'] },
    { had: ['orphan'], policy: undefined, has: ['orphan'] },
    { had: ['orphan'], policy: 'Foreground', has: ['foregroundDeletion'] },
    { had: ['foregroundDeletion'], policy: 'Background', has: undefined },
  ])('$policy leaves of $had: $has', async ({ had, policy, has }) => {
    await create('owner', { finalizers: had });
    const { body } = await server.delete(`${configMaps}/owner`, policy && { propagationPolicy: policy });
    if (has) expect(body.metadata.finalizers).toEqual(has);
    expect(await exists(`${configMaps}/owner`)).toBe(has !== undefined);
  });

  it('has an older word', async () => {
    await create('owner', { finalizers: ['example.com/a'] });
    const { body } = await server.delete(`${configMaps}/owner?orphanDependents=true`);
    expect(body.metadata.finalizers).toEqual(['example.com/a', 'orphan']);
    const { body: again } = await server.delete(`${configMaps}/owner`, { orphanDependents: false });
    expect(again.metadata.finalizers).toEqual(['example.com/a']);
    expect((await server.delete(`${configMaps}/owner?orphanDependents=maybe`)).status).toBe(400);
  });

  it('may change while the object waits', async () => {
    await create('owner');
    await server.delete(`${configMaps}/owner?propagationPolicy=Foreground`);
    const { body } = await server.delete(`${configMaps}/owner?propagationPolicy=Orphan`);
    expect(body.metadata.finalizers).toEqual(['orphan']);
    await server.delete(`${configMaps}/owner?propagationPolicy=Background`);
    expect(await exists(`${configMaps}/owner`)).toBe(false);
  });
});

describe('a precondition', () => {
  it.each([
    ['of another uid', () => ({ uid: 'another' }), 409],
    ['of another version', () => ({ resourceVersion: '1' }), 409],
    ['of its uid and another version', ({ uid }: Shown['metadata']) => ({ uid, resourceVersion: '1' }), 409],
    ['of its uid', ({ uid }: Shown['metadata']) => ({ uid }), 200],
    ['of its version', ({ resourceVersion }: Shown['metadata']) => ({ resourceVersion }), 200],
    ['that is empty', () => ({}), 200],
    ['that is a number', () => ({ uid: 5 }), 400],
    ['that is no object', () => 'mine', 400],
  ])('%s lets the delete go on or not', async (_what, preconditions, code) => {
    const { metadata } = await create('guarded');
    const { status } = await server.delete(`${configMaps}/guarded`, {
      preconditions: preconditions(metadata),
    });
    expect(status).toBe(code);
    expect(await exists(`${configMaps}/guarded`)).toBe(code !== 200);
  });

  it.each(['uid', 'resourceVersion'])('by %s holds for a PUT and a PATCH as well', async (field) => {
    await create('guarded');
    const metadata = { name: 'guarded', [field]: '1' };
    expect((await server.put(`${configMaps}/guarded`, { metadata, data: {} })).status).toBe(409);
    expect((await server.mergePatch(`${configMaps}/guarded`, { metadata })).status).toBe(409);
  });
});

describe('an owner', () => {
  const ownerOf = ({ metadata: { uid } }: Shown, name: string) => [
    { apiVersion: 'v1', kind: 'ConfigMap', name, uid },
  ];
  const patchOwners = (name: string, ownerReferences: object[]) =>
    server.mergePatch(`${configMaps}/${name}`, { metadata: { ownerReferences } });

  it('cannot be the object itself', async () => {
    const self = await create('self');
    const { status, body } = await patchOwners('self', ownerOf(self, 'self'));
    expect([status, body.details.causes[0].message]).toEqual([
      422,
      expect.stringContaining('an object cannot own itself'),
    ]);
  });

  it('in another namespace is refused, on create and on update', async () => {
    await server.post('/api/v1/namespaces', { metadata: { name: 'other' } });
    const others = '/api/v1/namespaces/other/configmaps';
    const { body: owner } = await server.post(others, configMapDraft('owner'));
    const ownerReferences = ownerOf(owner, 'owner');
    const created = await server.post(configMaps, { metadata: { name: 'child', ownerReferences } });
    expect([created.status, created.body.message]).toEqual([
      422,
      expect.stringContaining('the owner is in namespace "other"'),
    ]);
    await create('child');
    expect((await patchOwners('child', ownerReferences)).status).toBe(422);
  });

  it('in a namespace is refused to what is in none', async () => {
    const owner = await create('owner');
    const node = { metadata: { name: 'n1', ownerReferences: ownerOf(owner, 'owner') } };
    const { status, body } = await server.post('/api/v1/nodes', node);
    expect([status, body.message]).toEqual([422, expect.stringContaining('can own nothing outside of it')]);
  });

  it('in the same namespace, in none, unknown or of an unknown kind is taken', async () => {
    const owner = await create('owner');
    const { body: node } = await server.post('/api/v1/nodes', { metadata: { name: 'n1' } });
    await create('same', { ownerReferences: ownerOf(owner, 'owner') });
    const ofNode = { apiVersion: 'v1', kind: 'Node', name: 'n1', uid: node.metadata.uid };
    await create('none', { ownerReferences: [ofNode] });
    await create('unknown', { ownerReferences: [{ ...ofNode, kind: 'ConfigMap', uid: 'nobody' }] });
    await create('foreign', { ownerReferences: [{ ...ofNode, apiVersion: 'a.dev/v1', kind: 'B' }] });
  });

  it.each(['apiVersion', 'kind', 'name', 'uid'])('without %s is refused', async (field) => {
    await create('child');
    const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'o', uid: 'u', [field]: '' };
    const { status, body } = await patchOwners('child', [owner]);
    expect([status, body.details.causes[0].field]).toEqual([422, `metadata.ownerReferences[0].${field}`]);
  });

  it('may be one of two, but only one is the controller', async () => {
    await create('child');
    const owner = (uid: string, controller: boolean) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: uid,
      uid,
      controller,
    });
    expect((await patchOwners('child', [owner('a', true), owner('b', true)])).status).toBe(422);
    expect((await patchOwners('child', [owner('a', true), owner('b', false)])).status).toBe(200);
  });
});

describe('a deleted namespace', () => {
  const url = '/api/v1/namespaces/closing';
  beforeEach(async () => {
    await server.post('/api/v1/namespaces', { metadata: { name: 'closing' } });
  });

  it('is Terminating from the answer on, and stays so', async () => {
    expect((await server.get(url)).body.status.phase).toBe('Active');
    const { body } = await server.delete(url);
    expect(body.status.phase).toBe('Terminating');
    expect((await server.get(url)).body.status.phase).toBe('Terminating');
    const { body: labelled } = await server.mergePatch(url, { metadata: { labels: { a: 'b' } } });
    expect(labelled.status.phase).toBe('Terminating');
    const { body: list } = await server.get('/api/v1/namespaces?fieldSelector=status.phase%3DTerminating');
    expect(list.items).toHaveLength(1);
  });

  it('takes no new content, says why, and lets the old be changed and deleted', async () => {
    await server.post(`${url}/configmaps`, configMapDraft('old'));
    await server.delete(url);
    const { status, body } = await server.post(`${url}/configmaps`, configMapDraft('late'));
    expect([status, body.reason, body.details.causes]).toEqual([
      403,
      'Forbidden',
      [expect.objectContaining({ reason: 'NamespaceTerminating', field: 'metadata.namespace' })],
    ]);
    expect((await server.mergePatch(`${url}/configmaps/old`, { data: { a: 'b' } })).status).toBe(200);
    expect((await server.delete(`${url}/configmaps/old`)).status).toBe(200);
  });

  it.each(['default', 'kube-system', 'kube-node-lease'])('is never %s', async (name) => {
    expect((await server.delete(`/api/v1/namespaces/${name}`)).status).toBe(403);
  });

  it('only in a dry run stays Active', async () => {
    await server.delete(`${url}?dryRun=All`);
    expect((await server.get(url)).body.status.phase).toBe('Active');
  });
});

describe('deletecollection', () => {
  beforeEach(async () => {
    await create('a1', { labels: { app: 'a', tier: 'web' } });
    await create('a2', { labels: { app: 'a' } });
    await create('b1', { labels: { app: 'b' }, finalizers: ['example.com/hold'] });
    await server.post('/api/v1/namespaces', { metadata: { name: 'other' } });
    await server.post('/api/v1/namespaces/other/configmaps', configMapDraft('a1'));
  });

  it.each([
    ['labelSelector=app%3Da', 'b1'],
    ['labelSelector=app%3Da,tier', 'a2 b1'],
    ['labelSelector=app+in+(c)', 'a1 a2 b1'],
    ['fieldSelector=metadata.name%3Da2', 'a1 b1'],
    ['labelSelector=app%3Da&fieldSelector=metadata.name!%3Da2', 'a2 b1'],
    ['', 'b1'],
    ['dryRun=All', 'a1 a2 b1'],
  ])('with %j leaves %s, and other namespaces alone', async (query, left) => {
    expect((await server.delete(`${configMaps}?${query}`)).status).toBe(200);
    const { body } = await server.get(configMaps);
    const names = body.items.map((item: { metadata: { name: string } }) => item.metadata.name);
    expect(names.join(' ')).toBe(left);
    expect(await exists('/api/v1/namespaces/other/configmaps/a1')).toBe(true);
  });

  it('with a selector that means nothing deletes nothing', async () => {
    expect((await server.delete(`${configMaps}?labelSelector=a+in+(`)).status).toBe(400);
    expect((await server.get(configMaps)).body.items).toHaveLength(3);
  });

  it('marks what has finalizers, and applies the policy to all', async () => {
    const { body } = await server.delete(`${configMaps}?propagationPolicy=Orphan&labelSelector=app%3Db`);
    expect(body.items[0].metadata.finalizers).toEqual(['example.com/hold', 'orphan']);
    expect(body.items[0].metadata.deletionTimestamp).toBeDefined();
  });

  it('is not to be had across namespaces', async () => {
    expect((await server.delete('/api/v1/configmaps')).status).toBeGreaterThanOrEqual(404);
    expect(await exists(`${configMaps}/a1`)).toBe(true);
  });
});
