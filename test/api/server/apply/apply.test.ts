/** Server-side apply through the whole server: the rules one by one, and the examples of Kubernetes' documentation on our kinds. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Clock } from '../../../../api/meta/clock.ts';
import { systemClock } from '../../../../api/meta/clock.ts';
import type { ManagedFieldsEntry } from '../../../../api/meta/object-meta.ts';
import { cronTabDefinition, define } from '../custom/crontab.ts';
import {
  type Answer,
  configMapDraft,
  configMaps,
  jobs,
  nodeUser,
  type RequestOptions,
  TestServer,
} from '../test-server.ts';

const applyType = { 'content-type': 'application/apply-patch+yaml' };

let server: TestServer;
/** Moved by tests that look at times. */
let aheadMs = 0;
const clock: Clock = Object.assign(Object.create(systemClock) as Clock, {
  now: () => systemClock.now() + aheadMs,
});
let url = '';
let name = '';
let count = 0;

beforeAll(async () => {
  server = await TestServer.start({ clock });
});
afterAll(() => server.close());
beforeEach(() => {
  name = `web-${count++}`;
  url = `${jobs}/${name}`;
});

function apply(
  manager: string,
  body: unknown,
  { at = url, query = '', ...options }: RequestOptions & { at?: string; query?: string } = {},
): Promise<Answer> {
  return server.raw('PATCH', `${at}?fieldManager=${manager}${query}`, body, {
    headers: applyType,
    ...options,
  });
}

const force = { query: '&force=true' };

const job = (spec: object = {}, metadata: object = {}) => ({
  apiVersion: 'gantry.dev/v1',
  kind: 'Job',
  metadata: { name, ...metadata },
  spec,
});
const template = (...containers: object[]) => ({ template: { spec: { containers } } });
const main = { name: 'main', image: 'busybox' };
const web = (spec: object = {}) => job({ type: 'Service', replicas: 2, ...template(main), ...spec });

const entries = ({ body }: Answer): ManagedFieldsEntry[] => body.metadata.managedFields ?? [];
const entryOf = (answer: Answer, manager: string) =>
  entries(answer).find((entry) => entry.manager === manager);
const managersOf = (answer: Answer) =>
  entries(answer).map(({ manager, operation }) => `${manager} ${operation}`);

describe('applying', () => {
  test('creates what does not exist, and owns what was applied and nothing else', async () => {
    const created = await apply('ann', web());
    expect(created.status).toBe(201);
    expect(created.body.spec.template.spec.terminationGracePeriodSeconds).toBe(30);
    expect(entries(created)).toEqual([
      {
        manager: 'ann',
        operation: 'Apply',
        apiVersion: 'gantry.dev/v1',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:spec': {
            'f:replicas': {},
            'f:template': {
              'f:spec': { 'f:containers': { 'k:{"name":"main"}': { '.': {}, 'f:image': {}, 'f:name': {} } } },
            },
            'f:type': {},
          },
        },
      },
    ]);
  });

  test('twice changes nothing, not even versions and times', async () => {
    const first = await apply('ann', web());
    aheadMs += 5000;
    const second = await apply('ann', web());
    expect(second.status).toBe(200);
    expect(second.body).toEqual(first.body);
  });

  test('values in another spelling changes nothing', async () => {
    const limited = (memory: unknown) =>
      job({ type: 'Service', ...template({ ...main, resources: { limits: { memory } } }) });
    const first = await apply('ann', limited('1024Ki'));
    expect((await apply('ann', limited('1Mi'))).body).toEqual(first.body);
    expect((await apply('bob', limited('1024Ki'))).status).toBe(200);
  });

  test('needs a manager with a name', async () => {
    const { status, body } = await server.raw('PATCH', url, web(), { headers: applyType });
    expect([status, body.message]).toEqual([
      422,
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    ]);
    expect((await apply('a'.repeat(129), web())).status).toBe(422);
    expect((await apply('a%0Ab', web())).status).toBe(422);
  });

  test('takes YAML', async () => {
    const yaml = `# a comment\napiVersion: gantry.dev/v1\nkind: Job\nmetadata:\n  name: ${name}\nspec:\n  type: Service\n  template:\n    spec: &spec\n      containers:\n      - {name: main, image: busybox}\n`;
    const { status, body } = await apply('ann', Buffer.from(yaml));
    expect([status, body.spec.template.spec.containers[0].image]).toEqual([201, 'busybox']);
  });

  test.each<[what: string, body: () => unknown, status: number, message: RegExp]>([
    ['YAML that is none', () => Buffer.from('a: [1'), 400, /error decoding YAML/],
    [
      'aliases that explode',
      () =>
        Buffer.from(
          `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghij'
            .split('')
            .map((letter, at) => `${letter}: &${letter} [${`*${'abcdefghij'[at]},`.repeat(9)}]`)
            .join('\n')}`,
        ),
      400,
      /YAML|nested/,
    ],
    ['YAML without an end', () => Buffer.from(`a: ${'x'.repeat(600_000)}`), 413, /at most/],
    ['deep YAML', () => Buffer.from(`a: ${'['.repeat(2000)}${']'.repeat(2000)}`), 400, /YAML|nested/],
    ['two documents', () => Buffer.from('a: 1\n---\nb: 2\n'), 400, /YAML/],
    ['a number', () => Buffer.from('5'), 400, /JSON object/],
    ['nothing', () => Buffer.alloc(0), 400, /empty/],
    ['no apiVersion', () => ({ kind: 'Job', metadata: { name } }), 400, /apiVersion and kind/],
    ['another kind', () => ({ ...web(), kind: 'Task' }), 400, /this path takes/],
    ['another name', () => ({ ...web(), metadata: { name: 'other' } }), 400, /does not match the name/],
    [
      'managedFields',
      () => job({}, { managedFields: [{ manager: 'x' }] }),
      400,
      /metadata.managedFields must be nil/,
    ],
    [
      'two items with one key',
      () => web(template(main, main)),
      400,
      /failed to create typed patch object \(default\/web-\d+; gantry.dev\/v1, Kind=Job\): .spec.template.spec.containers: duplicate entries for key \[name="main"\]/,
    ],
    [
      'an item without its key',
      () => web(template({ image: 'x' })),
      400,
      /element 0: associative list with keys has an element that omits key field "name"/,
    ],
    ['a wrong type', () => web({ replicas: 'two' }), 422, /spec.replicas/],
    ['a list where an object belongs', () => job([] as object), 422, /spec/],
    ['a uid of nothing that exists', () => job({}, { uid: 'abc' }), 409, /no existing object was found/],
    [
      'a version of nothing that exists',
      () => job({}, { resourceVersion: '5' }),
      409,
      /no existing object was found/,
    ],
  ])('%s is refused', async (_what, body, status, message) => {
    const answer = await apply('ann', body());
    expect([answer.status, answer.body.message]).toEqual([status, expect.stringMatching(message)]);
  });

  test('unknown fields is refused, or warned of, as on any other write', async () => {
    const strange = web({ replica: 3 });
    expect((await apply('ann', strange, { query: '&fieldValidation=Strict' })).body.message).toContain(
      'strict decoding error: unknown field "spec.replica" (did you mean "replicas"?)',
    );
    const warned = await apply('ann', strange);
    expect([warned.status, String(warned.headers['warning'])]).toEqual([
      201,
      expect.stringContaining('spec.replica'),
    ]);
    expect(JSON.stringify(entries(warned))).not.toContain('"f:replica"');
  });

  test('dry shows what would be', async () => {
    const dry = await apply('ann', web(), { query: '&dryRun=All' });
    expect([dry.status, managersOf(dry)]).toEqual([201, ['ann Apply']]);
    expect((await server.get(url)).status).toBe(404);
    const { body } = await apply('ann', web());
    const changed = await apply('ann', web({ replicas: 9 }), { query: '&dryRun=All' });
    expect(changed.body.spec.replicas).toBe(9);
    expect(changed.body.metadata.resourceVersion).toBe(body.metadata.resourceVersion);
    expect((await server.get(url)).body).toEqual(body);
  });

  test('needs the right to create where nothing exists', async () => {
    const lease = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/other';
    const body = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'other' },
      spec: {},
    };
    expect((await apply('kubelet', body, { at: lease, user: nodeUser('n1') })).status).toBe(403);
  });

  test('holds the version and uid of the object it means', async () => {
    const { body } = await apply('ann', web());
    const stale = job({ replicas: 3 }, { resourceVersion: '1' });
    expect((await apply('ann', stale, force)).body.message).toContain('the object has been modified');
    const other = job({ replicas: 3 }, { uid: 'abc' });
    expect((await apply('ann', other, force)).body.message).toContain('UID in precondition: abc');
    expect((await apply('bob', job({ suspend: true }, { uid: body.metadata.uid }))).status).toBe(200);
  });

  test('by many at once loses nothing', async () => {
    await apply('ann', web());
    const managers = Array.from({ length: 12 }, (_, at) => `m${at}`);
    const answers = await Promise.all(
      managers.map((manager) => apply(manager, job({}, { labels: { [manager]: manager } }))),
    );
    expect(answers.map(({ status }) => status)).toEqual(managers.map(() => 200));
    const { body } = await server.get(url);
    expect(Object.keys(body.metadata.labels).sort()).toEqual([...managers].sort());
    expect(body.metadata.managedFields).toHaveLength(13);
  });
});

describe('a field of another manager', () => {
  test('conflicts, in the words of Kubernetes', async () => {
    await apply('ann', web());
    await server.mergePatch(`${url}?fieldManager=kubectl-edit`, { spec: { replicas: 3 } });
    const { status, body } = await apply('ann', web());
    expect(status).toBe(409);
    expect(body).toMatchObject({
      reason: 'Conflict',
      message:
        'Apply failed with 1 conflict: conflict with "kubectl-edit" using gantry.dev/v1: .spec.replicas',
      details: {
        causes: [
          {
            reason: 'FieldManagerConflict',
            message: 'conflict with "kubectl-edit" using gantry.dev/v1',
            field: '.spec.replicas',
          },
        ],
      },
    });
  });

  test('conflicts with every field and every owner named', async () => {
    await apply('ann', web());
    await apply('bob', job({ suspend: false }, { labels: { team: 'a' } }));
    const { body } = await apply(
      'eve',
      job({ replicas: 5, suspend: true, type: 'Service' }, { labels: { team: 'b' } }),
    );
    expect(body.message).toBe(
      'Apply failed with 3 conflicts: conflicts with "ann":\n- .spec.replicas\nconflicts with "bob":\n- .metadata.labels.team\n- .spec.suspend',
    );
    expect(body.details.causes).toHaveLength(3);
  });

  test('changes hands by force', async () => {
    await apply('ann', web());
    const taken = await apply('bob', job({ replicas: 7 }), force);
    expect(taken.body.spec.replicas).toBe(7);
    expect(entryOf(taken, 'ann')?.fieldsV1?.['f:spec']).not.toHaveProperty('f:replicas');
    expect(entryOf(taken, 'bob')?.fieldsV1).toEqual({ 'f:spec': { 'f:replicas': {} } });
  });

  test('is shared where the value is the same, and then neither can change it', async () => {
    await apply('ann', web());
    const shared = await apply('bob', job({ replicas: 2 }));
    expect(managersOf(shared)).toEqual(['ann Apply', 'bob Apply']);
    expect((await apply('ann', web({ replicas: 3 }))).body.message).toContain(
      'conflict with "bob": .spec.replicas',
    );
    expect((await apply('bob', job({ replicas: 3 }))).body.message).toContain(
      'conflict with "ann": .spec.replicas',
    );
  });

  test('may be forced by applies alone', async () => {
    await apply('ann', web());
    const { status, body } = await server.mergePatch(`${url}?force=true`, { spec: { replicas: 3 } });
    expect([status, body.message]).toEqual([
      422,
      expect.stringContaining('may not be specified for non-apply patch'),
    ]);
  });
});

describe('a field applied no longer', () => {
  test('goes when nobody else owns it, and takes its default', async () => {
    await apply('ann', web({ suspend: true, update: { maxSurge: 3 } }));
    const { body } = await apply('ann', web());
    expect(body.spec).not.toHaveProperty('suspend');
    expect(body.spec.update).toEqual({ maxUnavailable: 1, maxSurge: 0, minReadySeconds: 0 });
  });

  test('stays while another owns it, and goes with the last', async () => {
    await apply('ann', job({ type: 'Service', ...template(main) }, { labels: { a: '1', b: '2' } }));
    await apply('bob', job({}, { labels: { b: '2' } }));
    const one = await apply('ann', job({ type: 'Service', ...template(main) }));
    expect(one.body.metadata.labels).toEqual({ b: '2' });
    const none = await apply('bob', { ...job(), spec: undefined });
    expect(none.body.metadata).not.toHaveProperty('labels');
    expect(managersOf(none)).toEqual(['ann Apply']);
  });

  test('in a list of type map goes item by item', async () => {
    const sidecar = { name: 'log', image: 'busybox' };
    await apply('ann', web(template(main, sidecar)));
    await apply('bob', job(template({ name: 'proxy', image: 'busybox' })));
    const { body } = await apply('ann', web());
    expect(body.spec.template.spec.containers.map((container: { name: string }) => container.name)).toEqual([
      'main',
      'proxy',
    ]);
  });

  test('in an item that stays goes alone', async () => {
    await apply(
      'ann',
      web(
        template({
          ...main,
          workingDir: '/a',
          env: [
            { name: 'A', value: '1' },
            { name: 'B', value: '2' },
          ],
        }),
      ),
    );
    const { body } = await apply('ann', web(template({ ...main, env: [{ name: 'B', value: '2' }] })));
    expect(body.spec.template.spec.containers[0]).toEqual({
      ...main,
      env: [{ name: 'B', value: '2' }],
      resources: {},
    });
  });

  test('is not the business of the one who set it by an update', async () => {
    await apply('ann', web());
    await server.mergePatch(`${url}?fieldManager=edit`, { metadata: { labels: { team: 'a' } } });
    const { body } = await apply('ann', web());
    expect(body.metadata.labels).toEqual({ team: 'a' });
  });
});

describe('ordinary writes', () => {
  test('make whoever creates an object the owner of all of it', async () => {
    const draft = { ...configMapDraft(name, { a: '1' }), metadata: { name, labels: { x: 'y' } } };
    const created = await server.post(`${configMaps}?fieldManager=kubectl-create`, draft);
    expect(entries(created)).toMatchObject([
      {
        manager: 'kubectl-create',
        operation: 'Update',
        apiVersion: 'v1',
        fieldsV1: { 'f:data': { '.': {}, 'f:a': {} }, 'f:metadata': { 'f:labels': { '.': {}, 'f:x': {} } } },
      },
    ]);
  });

  test('are by the user agent where they name no manager', async () => {
    const headers = { 'user-agent': 'kubectl/v1.33.0 (linux/amd64) kubernetes/abc' };
    const created = await server.post(configMaps, configMapDraft(name, { a: '1' }), { headers });
    expect(managersOf(created)).toEqual(['kubectl Update']);
    const other = await server.mergePatch(`${configMaps}/${name}`, { data: { b: '2' } });
    expect(managersOf(other).sort()).toEqual(['kubectl Update', 'unknown Update']);
  });

  test('take over what they change, and only that', async () => {
    await server.post(`${configMaps}?fieldManager=one`, configMapDraft(name, { a: '1', b: '1' }));
    const patched = await server.mergePatch(`${configMaps}/${name}?fieldManager=two`, {
      data: { b: '2', c: '3' },
    });
    expect(entryOf(patched, 'one')?.fieldsV1).toEqual({ 'f:data': { '.': {}, 'f:a': {} } });
    expect(entryOf(patched, 'two')?.fieldsV1).toEqual({ 'f:data': { 'f:b': {}, 'f:c': {} } });
    const put = await server.put(
      `${configMaps}/${name}?fieldManager=three`,
      configMapDraft(name, { a: '1' }),
    );
    expect(managersOf(put)).toEqual(['one Update']);
    expect(entryOf(put, 'one')?.fieldsV1).toEqual({ 'f:data': { '.': {}, 'f:a': {} } });
  });

  test('that change nothing leave times and versions alone', async () => {
    const { body } = await server.post(configMaps, configMapDraft(name, { a: '1' }));
    aheadMs += 5000;
    expect((await server.put(`${configMaps}/${name}`, configMapDraft(name, { a: '1' }))).body).toEqual(body);
    expect(
      (await server.mergePatch(`${configMaps}/${name}?fieldManager=x`, { data: { a: '1' } })).body,
    ).toEqual(body);
  });

  test('of the status are recorded apart from those of the object', async () => {
    await server.post(`${jobs}?fieldManager=one`, web());
    const answer = await server.mergePatch(`${url}/status?fieldManager=one`, { status: { replicas: 1 } });
    const status = entries(answer).find(({ subresource }) => subresource === 'status');
    expect(status).toMatchObject({
      manager: 'one',
      operation: 'Update',
      fieldsV1: { 'f:status': { 'f:replicas': {} } },
    });
    expect(entries(answer)).toHaveLength(2);
  });

  test('by the scale subresource are recorded as such', async () => {
    await apply('ann', web());
    await server.mergePatch(`${url}/scale?fieldManager=kubectl-scale`, { spec: { replicas: 4 } });
    const { body } = await apply('ann', web());
    expect(body.message).toBe(
      'Apply failed with 1 conflict: conflict with "kubectl-scale" with subresource "scale" using gantry.dev/v1: .spec.replicas',
    );
  });

  test('by components are not recorded, but take fields from those who had them', async () => {
    const controllers = {
      name: 'system:gantry-controllers',
      groups: ['system:masters', 'system:authenticated'],
    };
    const untracked = await server.post(configMaps, configMapDraft(name, { a: '1' }), { user: controllers });
    expect(entries(untracked)).toEqual([]);
    await apply('ann', web());
    await server.mergePatch(url, { spec: { replicas: 5 } }, { user: controllers });
    const answer = await server.get(url);
    expect(entryOf(answer, 'ann')?.fieldsV1?.['f:spec']).not.toHaveProperty('f:replicas');
    expect(managersOf(answer)).toEqual(['ann Apply']);
  });

  test('may clear managedFields with one empty entry, but not with an empty list', async () => {
    await server.post(`${configMaps}?fieldManager=one`, configMapDraft(name, { a: '1' }));
    const patch = (managedFields: unknown) =>
      server.mergePatch(`${configMaps}/${name}`, { metadata: { managedFields } });
    expect(managersOf(await patch([]))).toEqual(['one Update']);
    expect(entries(await patch([{}]))).toEqual([]);
    expect(entries(await server.mergePatch(`${configMaps}/${name}`, { data: { a: '2' } }))).toEqual([]);
  });

  test('may rewrite managedFields, if they are well-formed', async () => {
    await server.post(`${configMaps}?fieldManager=one`, configMapDraft(name, { a: '1' }));
    const entry = {
      manager: 'two',
      operation: 'Apply',
      apiVersion: 'v1',
      fieldsType: 'FieldsV1',
      fieldsV1: { 'f:data': { 'f:a': {} } },
    };
    const patch = (...managedFields: unknown[]) =>
      server.mergePatch(`${configMaps}/${name}`, { metadata: { managedFields } });
    const problems: [object, string][] = [
      [{ operation: 'Patch' }, 'operation'],
      [{ fieldsType: 'FieldsV2' }, 'fieldsType'],
      [{ fieldsV1: { data: {} } }, 'fieldsV1'],
      [{ manager: 'm'.repeat(129) }, 'manager'],
    ];
    for (const [wrong, field] of problems) {
      const { status, body } = await patch({ ...entry, ...wrong });
      expect([status, body.message]).toEqual([
        422,
        expect.stringContaining(`metadata.managedFields[0].${field}`),
      ]);
    }
    expect(managersOf(await patch(entry))).toEqual(['two Apply']);
  });

  test('of ever new managers end in one ancient one', async () => {
    await server.post(`${configMaps}?fieldManager=m0`, configMapDraft(name, { k0: '' }));
    for (let at = 1; at < 14; at++) {
      aheadMs += 1000;
      await server.mergePatch(`${configMaps}/${name}?fieldManager=m${at}`, { data: { [`k${at}`]: '' } });
    }
    const answer = await server.get(`${configMaps}/${name}`);
    expect(entries(answer)).toHaveLength(10);
    expect(entryOf(answer, 'ancient-changes')?.fieldsV1).toEqual({
      'f:data': { '.': {}, 'f:k0': {}, 'f:k1': {}, 'f:k2': {}, 'f:k3': {}, 'f:k4': {} },
    });
  });
});

describe('an object nobody tracked', () => {
  test('belongs to before-first-apply when it is first applied to', async () => {
    const controllers = {
      name: 'system:gantry-controllers',
      groups: ['system:masters', 'system:authenticated'],
    };
    await server.post(configMaps, configMapDraft(name, { a: '1' }), { user: controllers });
    const at = `${configMaps}/${name}`;
    const body = configMapDraft(name, { a: '2' });
    expect((await apply('ann', body, { at })).body.message).toBe(
      'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a',
    );
    const taken = await apply('ann', body, { at, ...force });
    expect(managersOf(taken)).toEqual(['ann Apply', 'before-first-apply Update']);
  });
});

describe('subresources', () => {
  test('the status is applied through its own path, and only there', async () => {
    await apply('ann', { ...web(), status: { replicas: 9 } });
    const applied = await apply(
      'bob',
      { ...job(), status: { replicas: 1, phase: 'Running' } },
      { at: `${url}/status` },
    );
    expect(applied.body.status).toMatchObject({ replicas: 1, phase: 'Running' });
    expect(applied.body.spec.replicas).toBe(2);
    expect(entryOf(applied, 'bob')).toMatchObject({
      subresource: 'status',
      fieldsV1: { 'f:status': { 'f:phase': {}, 'f:replicas': {} } },
    });
    const less = await apply('bob', { ...job(), status: { phase: 'Running' } }, { at: `${url}/status` });
    expect(less.body.status).not.toHaveProperty('replicas');
  });

  test('conditions of several controllers are merged by type', async () => {
    await apply('ann', web());
    const condition = (type: string, status = 'True') => ({
      ...job(),
      status: { conditions: [{ type, status }] },
    });
    const at = `${url}/status`;
    await apply('one', condition('Ready'), { at });
    const both = await apply('two', condition('Synced'), { at });
    expect(both.body.status.conditions.map(({ type }: { type: string }) => type)).toEqual([
      'Ready',
      'Synced',
    ]);
    expect((await apply('two', condition('Ready', 'False'), { at })).body.message).toContain(
      'conflict with "one" with subresource "status": .status.conditions[type="Ready"].status',
    );
  });

  test('the scale is one field of the object', async () => {
    await apply('ann', web());
    const scale = (replicas: unknown) => ({
      apiVersion: 'autoscaling/v1',
      kind: 'Scale',
      metadata: { name },
      spec: { replicas },
    });
    const at = `${url}/scale`;
    expect((await apply('autoscaler', scale(5), { at })).body.message).toContain(
      'conflict with "ann": .spec.replicas',
    );
    const scaled = await apply('autoscaler', scale(5), { at, ...force });
    expect([scaled.body.kind, scaled.body.spec.replicas]).toEqual(['Scale', 5]);
    const answer = await server.get(url);
    expect(entryOf(answer, 'autoscaler')).toMatchObject({
      subresource: 'scale',
      fieldsV1: { 'f:spec': { 'f:replicas': {} } },
    });
    expect((await apply('autoscaler', scale(undefined), { at })).status).toBe(422);
  });

  test('do not come into being by being applied', async () => {
    expect((await apply('ann', { ...job(), status: {} }, { at: `${url}/status` })).status).toBe(404);
  });
});

describe('custom kinds', () => {
  const at = '/apis/stable.example.com/v1/namespaces/default/crontabs/mine';
  const cronTab = (spec: object) => ({
    apiVersion: 'stable.example.com/v1',
    kind: 'CronTab',
    metadata: { name: 'mine' },
    spec,
  });

  test('are merged by the schema of their definition', async () => {
    const hooks = {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['event'],
      items: {
        type: 'object',
        required: ['event'],
        properties: {
          event: { type: 'string' },
          url: { type: 'string' },
          tries: { type: 'integer', default: 3 },
        },
      },
    };
    const free = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
    const spec = { type: 'object', properties: { hooks, free, limit: { type: 'integer', nullable: true } } };
    const version = { schema: { openAPIV3Schema: { type: 'object', properties: { spec } } } };
    await define(server, cronTabDefinition(version));
    const created = await apply(
      'ann',
      cronTab({ hooks: [{ event: 'start', url: 'a' }], free: { x: { y: 1 } }, limit: 5 }),
      { at },
    );
    expect([created.status, created.body.spec.hooks]).toEqual([
      201,
      [{ event: 'start', url: 'a', tries: 3 }],
    ]);
    const both = await apply('bob', cronTab({ hooks: [{ event: 'end' }], free: { x: { z: [1] } } }), { at });
    expect(both.body.spec).toEqual({
      hooks: [
        { event: 'start', url: 'a', tries: 3 },
        { event: 'end', tries: 3 },
      ],
      free: { x: { y: 1, z: [1] } },
      limit: 5,
    });
    expect((await apply('bob', cronTab({ free: { x: { y: 2 } } }), { at })).body.message).toBe(
      'Apply failed with 1 conflict: conflict with "ann": .spec.free.x.y',
    );
    const left = await apply('ann', cronTab({ limit: 5 }), { at });
    expect(left.body.spec).toEqual({
      hooks: [{ event: 'end', tries: 3 }],
      free: { x: { z: [1] } },
      limit: 5,
    });
    expect((await apply('ann', cronTab({ limit: 5 }), { at })).body).toEqual(left.body);
  });
});

/** kubernetes.io/docs/reference/using-api/server-side-apply, on our kinds. */
describe('the documentation of Kubernetes', () => {
  test('a conflict: a map applied by one and changed by another', async () => {
    const at = `${configMaps}/${name}`;
    const map = (data: Record<string, string>) => ({
      ...configMapDraft(name, data),
      metadata: { name, labels: { 'test-label': 'test' } },
    });
    await apply('kubectl', map({ key: 'some value' }), { at });
    await server.mergePatch(`${at}?fieldManager=kube-controller-manager`, { data: { key: 'new value' } });
    expect((await apply('kubectl', map({ key: 'some value' }), { at })).status).toBe(409);
    const adopted = await apply('kubectl', map({ key: 'new value' }), { at });
    expect(managersOf(adopted)).toEqual(['kubectl Apply', 'kube-controller-manager Update']);
    expect(entryOf(adopted, 'kubectl')?.fieldsV1).toHaveProperty('f:data.f:key');
  });

  test('transferring ownership: replicas go from a user to an autoscaler without a gap', async () => {
    await apply('user', web());
    await apply('handover', job({ replicas: 2 }));
    await server.mergePatch(`${url}/scale?fieldManager=autoscaler`, { spec: { replicas: 6 } });
    const { replicas: _replicas, ...rest } = web().spec as Record<string, unknown>;
    const given = await apply('user', job(rest));
    expect([given.status, given.body.spec.replicas]).toEqual([200, 6]);
    expect((await apply('user', job(rest))).body.spec.replicas).toBe(6);
  });

  test('two appliers share a field until one gives it up', async () => {
    await apply('first', web());
    await apply('second', web());
    const { replicas: _replicas, ...rest } = web().spec as Record<string, unknown>;
    const { body } = await apply('first', job(rest));
    expect(body.spec.replicas).toBe(2);
    expect((await apply('second', web({ replicas: 4 }))).body.spec.replicas).toBe(4);
  });

  test('lists of type map: each manager its own container, port and variable', async () => {
    await apply('app', web(template({ ...main, env: [{ name: 'A', value: '1' }] })));
    const added = await apply(
      'mesh',
      job(
        template({ name: 'main', env: [{ name: 'PROXY', value: 'on' }] }, { name: 'proxy', image: 'envoy' }),
      ),
    );
    const [first, second] = added.body.spec.template.spec.containers;
    expect(first.env).toEqual([
      { name: 'A', value: '1' },
      { name: 'PROXY', value: 'on' },
    ]);
    expect([first.image, second.image]).toEqual(['busybox', 'envoy']);
    const ports = (list: object[]) => job(template({ name: 'main', ports: list }));
    await apply('http', ports([{ containerPort: 80 }]));
    const both = await apply('dns', ports([{ containerPort: 53, protocol: 'UDP' }]));
    expect(both.body.spec.template.spec.containers[0].ports).toEqual([
      { containerPort: 80, protocol: 'TCP' },
      { containerPort: 53, protocol: 'UDP' },
    ]);
    const conflict = await apply('mesh', job(template({ name: 'main', env: [{ name: 'A', value: '2' }] })));
    expect(conflict.body.message).toContain(
      'conflict with "app": .spec.template.spec.containers[name="main"].env[name="A"].value',
    );
  });

  test('from client-side apply: what kubectl applied last is its own', async () => {
    const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
    const draft = job(web().spec, { annotations: { [annotation]: JSON.stringify(web()) } });
    await server.post(`${jobs}?fieldManager=kubectl-client-side-apply`, draft);
    expect((await apply('other', web({ replicas: 3 }))).status).toBe(409);
    const moved = await apply('kubectl', web({ replicas: 3 }));
    expect([moved.status, moved.body.spec.replicas]).toEqual([200, 3]);
    await server.mergePatch(`${url}/scale?fieldManager=kubectl-scale`, { spec: { replicas: 8 } });
    expect((await apply('kubectl', web({ replicas: 4 }))).status).toBe(409);
  });
});
