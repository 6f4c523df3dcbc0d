/** Writes through the whole pipeline, on a real store: what every kind has in common. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  configMapDraft,
  configMaps,
  jobDraft,
  jobs,
  nodeUser,
  TestServer,
  taskDraft,
  tasks,
} from './test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.close());

describe('create', () => {
  it('gives the object an identity, defaults and the revision as its version', async () => {
    const { status, body } = await server.post(jobs, jobDraft('created'));
    expect(status).toBe(201);
    expect(body.metadata).toMatchObject({ name: 'created', namespace: 'default', generation: 1 });
    expect(body.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(body.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(body.spec.update).toEqual({ maxUnavailable: 1, maxSurge: 0, minReadySeconds: 0 });
    expect((await server.get(`${jobs}/created`)).body).toEqual(body);
  });

  it('ignores what belongs to the server, status included', async () => {
    const draft = {
      ...jobDraft('modest'),
      metadata: { name: 'modest', uid: 'mine', generation: 9, resourceVersion: '5' },
      status: { phase: 'Complete' },
    };
    const { body } = await server.post(jobs, draft);
    expect(body.metadata.uid).not.toBe('mine');
    expect(body.metadata.generation).toBe(1);
    expect(body.status.phase).toBeUndefined();
  });

  it('makes up a name from generateName', async () => {
    const { status, body } = await server.post(configMaps, {
      ...configMapDraft(''),
      metadata: { generateName: 'gen-' },
    });
    expect(status).toBe(201);
    expect(body.metadata.name).toMatch(/^gen-[a-z0-9]{5}$/);
  });

  it('resolves the priority of a task from its class, batch by default', async () => {
    const byDefault = await server.post(tasks, taskDraft('p-default'));
    expect(byDefault.body.spec).toMatchObject({ priorityClassName: 'batch', priority: 100_000 });
    const draft = taskDraft('p-unknown') as { spec: Record<string, unknown> };
    draft.spec['priorityClassName'] = 'no-such-class';
    const { status, body } = await server.post(tasks, draft);
    expect(status).toBe(422);
    expect(body.details.causes[0].field).toBe('spec.priorityClassName');
  });

  it('drops unknown fields with a warning, refuses them when strict', async () => {
    const draft = jobDraft('typo', { replicaz: 3 });
    const warned = await server.post(`${jobs}?dryRun=All`, draft);
    expect(warned.headers['warning']).toEqual([
      '299 - "unknown field \\"spec.replicaz\\" (did you mean \\"replicas\\"?)"',
    ]);
    const refused = await server.post(`${jobs}?fieldValidation=Strict`, draft);
    expect(refused.status).toBe(400);
    expect(refused.body.message).toContain('did you mean "replicas"');
  });
});

describe('a refused create', () => {
  const cases: [string, () => Promise<{ status: number; body: { reason: string } }>, number, string][] = [
    [
      'of a name that exists',
      async () => {
        await server.post(configMaps, configMapDraft('twice'));
        return server.post(configMaps, configMapDraft('twice'));
      },
      409,
      'AlreadyExists',
    ],
    [
      'in a namespace that does not exist',
      () => server.post('/api/v1/namespaces/nowhere/configmaps', configMapDraft('x')),
      404,
      'NotFound',
    ],
    [
      'with a namespace other than the path',
      () => server.post(configMaps, { ...configMapDraft('x'), metadata: { name: 'x', namespace: 'other' } }),
      400,
      'BadRequest',
    ],
    ['of a kind the path does not take', () => server.post(configMaps, jobDraft('x')), 400, 'BadRequest'],
    ['of an unknown resource', () => server.post('/api/v1/namespaces/default/gadgets', {}), 404, 'NotFound'],
    ['without a name', () => server.post(configMaps, { metadata: {} }), 422, 'Invalid'],
    ['with a name that has a slash', () => server.post(configMaps, configMapDraft('a/b')), 422, 'Invalid'],
    ['with a name of dots', () => server.post(configMaps, configMapDraft('..')), 422, 'Invalid'],
    ['with a negative number', () => server.post(jobs, jobDraft('x', { replicas: -1 })), 422, 'Invalid'],
    ['with a wrong type', () => server.post(jobs, jobDraft('x', { replicas: '3' })), 422, 'Invalid'],
    [
      'of a task that names its node',
      () =>
        server.post(tasks, {
          ...taskDraft('x'),
          spec: { ...(taskDraft('x') as { spec: object }).spec, nodeName: 'n1' },
        }),
      422,
      'Invalid',
    ],
    [
      'with an unknown dryRun',
      () => server.post(`${configMaps}?dryRun=Some`, configMapDraft('x')),
      400,
      'BadRequest',
    ],
    ['with an array for an object', () => server.post(configMaps, []), 400, 'BadRequest'],
    [
      'with __proto__',
      () => server.post(configMaps, Buffer.from('{"metadata":{"name":"x"},"__proto__":{}}')),
      400,
      'BadRequest',
    ],
    [
      'nested 100,000 deep',
      () => server.post(configMaps, Buffer.from('['.repeat(100_000))),
      400,
      'BadRequest',
    ],
    [
      'of 5 MB',
      () => server.post(configMaps, configMapDraft('x', { a: 'x'.repeat(5_000_000) })),
      413,
      'RequestEntityTooLarge',
    ],
    [
      'of more than the store takes',
      () => server.post(configMaps, configMapDraft('x', { a: 'x'.repeat(2_000_000) })),
      413,
      'RequestEntityTooLarge',
    ],
    [
      'in YAML',
      () => server.post(configMaps, Buffer.from('a: b'), { headers: { 'content-type': 'application/yaml' } }),
      415,
      'UnsupportedMediaType',
    ],
    [
      'by a node, of a task',
      () => server.post(tasks, taskDraft('x'), { user: nodeUser('n1') }),
      403,
      'Forbidden',
    ],
    [
      'of an object with a name in the path',
      () => server.post(`${configMaps}/x`, configMapDraft('x')),
      405,
      'MethodNotAllowed',
    ],
  ];
  it.each(cases)('%s', async (_case, act, code, reason) => {
    const { status, body } = await act();
    expect({ status, reason: body.reason }).toEqual({ status: code, reason });
    expect(body).toMatchObject({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code });
  });
});

describe('update', () => {
  it('replaces the spec, counts the generation, keeps the status', async () => {
    await server.post(jobs, jobDraft('put'));
    await server.mergePatch(`${jobs}/put/status`, { status: { phase: 'Running' } });
    const { body: old } = await server.get(`${jobs}/put`);
    const { status, body } = await server.put(`${jobs}/put`, {
      ...old,
      spec: { ...old.spec, replicas: 7 },
      status: { phase: 'Failed' },
    });
    expect(status).toBe(200);
    expect(body.metadata.generation).toBe(2);
    expect(body.spec.replicas).toBe(7);
    expect(body.status.phase).toBe('Running');
  });

  it('makes no revision when nothing changes, whatever the order of the keys', async () => {
    const { body: old } = await server.post(configMaps, configMapDraft('same', { a: '1', b: '2' }));
    const again = await server.put(`${configMaps}/same`, { ...old, data: { b: '2', a: '1' } });
    expect(again.body.metadata.resourceVersion).toBe(old.metadata.resourceVersion);
    const patched = await server.mergePatch(`${configMaps}/same`, { data: { a: '1' } });
    expect(patched.body.metadata.resourceVersion).toBe(old.metadata.resourceVersion);
  });

  it('of a stale version is a conflict', async () => {
    const { body: old } = await server.post(configMaps, configMapDraft('stale'));
    await server.mergePatch(`${configMaps}/stale`, { data: { a: '1' } });
    const { status, body } = await server.put(`${configMaps}/stale`, { ...old, data: { a: '2' } });
    expect(status).toBe(409);
    expect(body).toMatchObject({ reason: 'Conflict', details: { name: 'stale', kind: 'configmaps' } });
    const patched = await server.mergePatch(`${configMaps}/stale`, {
      metadata: { resourceVersion: old.metadata.resourceVersion },
      data: {},
    });
    expect(patched.status).toBe(409);
  });

  it('of what does not exist is not found', async () => {
    expect((await server.put(`${configMaps}/none`, configMapDraft('none'))).status).toBe(404);
    expect((await server.mergePatch(`${configMaps}/none`, {})).status).toBe(404);
  });

  it('cannot rename', async () => {
    await server.post(configMaps, configMapDraft('named'));
    expect((await server.put(`${configMaps}/named`, configMapDraft('renamed'))).status).toBe(400);
    expect((await server.mergePatch(`${configMaps}/named`, { metadata: { name: 'renamed' } })).status).toBe(
      400,
    );
  });

  it('without a version loses no concurrent patch', async () => {
    await server.post(configMaps, configMapDraft('busy'));
    const patches = Array.from({ length: 50 }, (_, n) =>
      server.mergePatch(`${configMaps}/busy`, { data: { [`k${n}`]: 'v' } }),
    );
    expect((await Promise.all(patches)).map(({ status }) => status)).toEqual(Array(50).fill(200));
    const { body } = await server.get(`${configMaps}/busy`);
    expect(Object.keys(body.data)).toHaveLength(50);
  });

  it('with dryRun answers the would-be object and stores nothing', async () => {
    const { body: old } = await server.post(jobs, jobDraft('dry'));
    const { body } = await server.mergePatch(`${jobs}/dry?dryRun=All`, { spec: { replicas: 9 } });
    expect(body.spec.replicas).toBe(9);
    expect(body.metadata.resourceVersion).toBe(old.metadata.resourceVersion);
    expect((await server.get(`${jobs}/dry`)).body).toEqual(old);
    expect((await server.post(`${jobs}?dryRun=All`, jobDraft('never'))).status).toBe(201);
    expect((await server.get(`${jobs}/never`)).status).toBe(404);
  });
});

describe('the status subresource', () => {
  it('changes the status and nothing else, and no generation', async () => {
    const { body: old } = await server.post(jobs, jobDraft('status'));
    const { body } = await server.put(`${jobs}/status/status`, {
      ...old,
      spec: { ...old.spec, replicas: 9 },
      status: { phase: 'Running' },
    });
    expect(body.status.phase).toBe('Running');
    expect(body.spec).toEqual(old.spec);
    expect(body.metadata.generation).toBe(1);
  });

  it('refuses a task that comes back from the end', async () => {
    await server.post(tasks, taskDraft('over'));
    await server.mergePatch(`${tasks}/over/status`, { status: { phase: 'Failed' } });
    const { status, body } = await server.mergePatch(`${tasks}/over/status`, {
      status: { phase: 'Running' },
    });
    expect(status).toBe(422);
    expect(body.details.causes[0].field).toBe('status.phase');
  });

  it('does not exist for kinds without one', async () => {
    await server.post(configMaps, configMapDraft('plain'));
    expect((await server.get(`${configMaps}/plain/status`)).status).toBe(404);
  });
});

describe('the scale subresource', () => {
  it('reads and writes the replicas, with and without a Content-Type', async () => {
    await server.post(jobs, jobDraft('scaled'));
    const { body: scale } = await server.get(`${jobs}/scaled/scale`);
    expect(scale).toMatchObject({
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      spec: { replicas: 2 },
      status: { replicas: 0, selector: 'gantry.dev/job=scaled' },
    });
    const put = await server.put(
      `${jobs}/scaled/scale`,
      { ...scale, spec: { replicas: 4 } },
      { headers: { 'content-type': '' } },
    );
    expect(put.body.spec.replicas).toBe(4);
    const stale = await server.put(`${jobs}/scaled/scale`, { ...scale, spec: { replicas: 5 } });
    expect(stale.status).toBe(409);
    const patched = await server.mergePatch(`${jobs}/scaled/scale`, { spec: { replicas: 6 } });
    expect(patched.body.spec.replicas).toBe(6);
    expect((await server.get(`${jobs}/scaled`)).body.spec.replicas).toBe(6);
    expect((await server.mergePatch(`${jobs}/scaled/scale`, { spec: { replicas: -1 } })).status).toBe(422);
  });
});

describe('delete', () => {
  it('answers with the uid of what is gone', async () => {
    const { body: old } = await server.post(configMaps, configMapDraft('gone'));
    const { status, body } = await server.delete(`${configMaps}/gone`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      kind: 'Status',
      status: 'Success',
      details: { name: 'gone', kind: 'configmaps', uid: old.metadata.uid },
    });
    expect((await server.get(`${configMaps}/gone`)).status).toBe(404);
    expect((await server.delete(`${configMaps}/gone`)).status).toBe(404);
  });

  it('waits for finalizers, and takes no new ones', async () => {
    await server.post(configMaps, {
      ...configMapDraft('final'),
      metadata: { name: 'final', finalizers: ['example.com/hold'] },
    });
    const { status, body } = await server.delete(`${configMaps}/final`);
    expect(status).toBe(200);
    expect(body.metadata.deletionTimestamp).toBeDefined();
    const added = await server.mergePatch(`${configMaps}/final`, {
      metadata: { finalizers: ['example.com/hold', 'example.com/more'] },
    });
    expect(added.status).toBe(422);
    await server.mergePatch(`${configMaps}/final`, { metadata: { finalizers: null } });
    expect((await server.get(`${configMaps}/final`)).status).toBe(404);
  });

  it('holds to its preconditions', async () => {
    await server.post(configMaps, configMapDraft('guarded'));
    const wrong = await server.delete(`${configMaps}/guarded`, { preconditions: { uid: 'another' } });
    expect(wrong.status).toBe(409);
    expect((await server.get(`${configMaps}/guarded`)).status).toBe(200);
  });

  it('leaves the rest to the garbage collector with foreground and orphan', async () => {
    for (const [policy, finalizer] of [
      ['Foreground', 'foregroundDeletion'],
      ['Orphan', 'orphan'],
    ] as const) {
      await server.post(configMaps, configMapDraft(`p-${policy.toLowerCase()}`));
      const { body } = await server.delete(`${configMaps}/p-${policy.toLowerCase()}`, {
        propagationPolicy: policy,
      });
      expect(body.metadata.finalizers).toEqual([finalizer]);
    }
    expect((await server.delete(`${configMaps}/p-orphan`, { propagationPolicy: 'Sideways' })).status).toBe(
      400,
    );
  });

  it('of a selection removes those and no others', async () => {
    for (const [name, app] of [
      ['c1', 'a'],
      ['c2', 'a'],
      ['c3', 'b'],
    ] as const)
      await server.post(configMaps, { ...configMapDraft(name), metadata: { name, labels: { app } } });
    const { body } = await server.delete(`${configMaps}?labelSelector=app%3Da`);
    expect(body.items).toHaveLength(2);
    const { body: rest } = await server.get(`${configMaps}?labelSelector=app`);
    expect(rest.items.map((item: { metadata: { name: string } }) => item.metadata.name)).toEqual(['c3']);
  });

  it('with dryRun removes nothing', async () => {
    await server.post(configMaps, configMapDraft('kept'));
    expect((await server.delete(`${configMaps}/kept?dryRun=All`)).status).toBe(200);
    expect((await server.delete(`${configMaps}/kept`, { dryRun: ['All'] })).status).toBe(200);
    expect((await server.get(`${configMaps}/kept`)).status).toBe(200);
  });

  it('of a namespace takes no new content while it is being emptied', async () => {
    await server.post('/api/v1/namespaces', { metadata: { name: 'closing' } });
    await server.delete('/api/v1/namespaces/closing');
    const { status, body } = await server.post(
      '/api/v1/namespaces/closing/configmaps',
      configMapDraft('late'),
    );
    expect({ status, reason: body.reason }).toEqual({ status: 403, reason: 'Forbidden' });
  });
});
