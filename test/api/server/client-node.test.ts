/** The JavaScript client of Kubernetes, as it is published, on the real server over TLS. */
import { join } from 'node:path';
import {
  ApiException,
  AuthenticationV1Api,
  AuthorizationV1Api,
  CoreV1Api,
  CustomObjectsApi,
  KubeConfig,
  type KubernetesListObject,
  type KubernetesObject,
  KubernetesObjectApi,
  makeInformer,
  PatchStrategy,
  VersionApi,
  Watch,
} from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { KubectlServer } from '../../kit/kubectl.ts';
import { jobDraft } from './test-server.ts';

interface Job extends KubernetesObject {
  metadata: NonNullable<KubernetesObject['metadata']> & { name: string; namespace: string };
  spec: { replicas: number };
}

const coordinates = { group: 'gantry.dev', version: 'v1', namespace: 'default', plural: 'jobs' };
const jobsPath = '/apis/gantry.dev/v1/namespaces/default/jobs';

let server: KubectlServer;
let config: KubeConfig;
beforeAll(async () => {
  server = await KubectlServer.start();
  config = new KubeConfig();
  config.loadFromFile(join(server.directory, 'kubeconfig'));
});
afterAll(() => server.close());

const job = (name: string): Job => {
  const draft = jobDraft(name) as Job;
  return { ...draft, metadata: { ...draft.metadata, namespace: 'default' } };
};
const custom = (): CustomObjectsApi => config.makeApiClient(CustomObjectsApi);
const createJob = (name: string): Promise<Job> =>
  custom().createNamespacedCustomObject({ ...coordinates, body: job(name) });

/** Resolves with the HTTP code and the reason a call was refused with. */
async function refusal(call: Promise<unknown>): Promise<[number, string]> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ApiException)) throw new Error(`not refused: ${error}`);
  const body = typeof error.body === 'string' ? JSON.parse(error.body) : error.body;
  return [error.code, body.reason];
}

describe('KubernetesObjectApi', () => {
  test('creates, reads, lists, replaces, patches and deletes any kind', async () => {
    const api = KubernetesObjectApi.makeApiClient(config);
    const created = await api.create(job('objects'));
    expect(created.metadata?.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect((await api.read<Job>(job('objects'))).spec.replicas).toBe(2);
    const list = await api.list<Job>('gantry.dev/v1', 'Job', 'default');
    expect(list.items.map(({ metadata }) => metadata.name)).toContain('objects');
    const replaced = await api.replace({ ...created, spec: { ...created.spec, replicas: 3 } });
    expect(replaced.spec.replicas).toBe(3);
    expect(await refusal(api.replace({ ...created, spec: { ...created.spec, replicas: 4 } }))).toEqual([
      409,
      'Conflict',
    ]);
    const patch = { ...job('objects'), spec: { replicas: 5 } };
    const merge = [undefined, undefined, undefined, undefined, PatchStrategy.MergePatch] as const;
    expect((await api.patch<Job>(patch, ...merge)).spec.replicas).toBe(5);
    const strategic = { ...job('objects'), spec: { replicas: 4 } };
    expect((await api.patch<Job>(strategic)).spec.replicas).toBe(4);
    const apply = [undefined, undefined, 'a-test', true, PatchStrategy.ServerSideApply] as const;
    const applied = await api.patch<Job>(
      { ...job('objects'), spec: { ...job('objects').spec, replicas: 6 } },
      ...apply,
    );
    expect([
      applied.spec.replicas,
      applied.metadata.managedFields?.some(({ manager }) => manager === 'a-test'),
    ]).toEqual([6, true]);
    expect((await api.delete(job('objects'))).status).toBe('Success');
    expect(await refusal(api.read(job('objects')))).toEqual([404, 'NotFound']);
  });

  test('patches core kinds in its default way, strategically', async () => {
    const api = KubernetesObjectApi.makeApiClient(config);
    const metadata = { name: 'strategic', namespace: 'default' };
    await api.create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata,
      data: { a: '1', b: '2' },
    } as KubernetesObject);
    const patch = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { a: null, c: '3' } };
    const patched = await api.patch(patch as KubernetesObject);
    expect(patched).toMatchObject({ data: { b: '2', c: '3' } });
    await api.delete({ ...patch, metadata } as KubernetesObject, undefined, undefined, 0, false);
  });

  test('handles objects without a namespace', async () => {
    const api = KubernetesObjectApi.makeApiClient(config);
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'from-javascript' } };
    await api.create(node);
    expect((await api.list('v1', 'Node')).items).toHaveLength(1);
    await api.delete(node);
  });
});

describe('CustomObjectsApi', () => {
  test('gets, lists, patches, scales and deletes jobs', async () => {
    const api = custom();
    await createJob('custom');
    const name = 'custom';
    expect((await api.getNamespacedCustomObject({ ...coordinates, name })).spec.replicas).toBe(2);
    const labelled = [{ op: 'add', path: '/metadata/labels', value: { app: 'custom' } }];
    await api.patchNamespacedCustomObject({ ...coordinates, name, body: labelled });
    const list = await api.listNamespacedCustomObject({
      ...coordinates,
      labelSelector: 'app=custom',
      limit: 1,
    });
    expect(list.items).toHaveLength(1);
    const status = [{ op: 'add', path: '/status/phase', value: 'Running' }];
    const running = await api.patchNamespacedCustomObjectStatus({ ...coordinates, name, body: status });
    expect(running.status.phase).toBe('Running');
    const scale = [{ op: 'replace', path: '/spec/replicas', value: 7 }];
    const scaled = await api.patchNamespacedCustomObjectScale({ ...coordinates, name, body: scale });
    expect([scaled.kind, scaled.spec.replicas]).toEqual(['Scale', 7]);
    expect(
      (await api.listCustomObjectForAllNamespaces({ ...coordinates, resourcePlural: 'jobs' })).items,
    ).toHaveLength(1);
    expect((await api.deleteNamespacedCustomObject({ ...coordinates, name })).status).toBe('Success');
    expect(await refusal(api.getNamespacedCustomObject({ ...coordinates, name }))).toEqual([404, 'NotFound']);
  });

  test('is told what is wrong with an object', async () => {
    const wrong = { ...job('wrong'), spec: { ...job('wrong').spec, replicas: -1 } };
    const call = custom().createNamespacedCustomObject({ ...coordinates, body: wrong });
    expect(await refusal(call)).toEqual([422, 'Invalid']);
  });
});

describe('the typed APIs', () => {
  test('handle core kinds, pages and dry runs included', async () => {
    const core = config.makeApiClient(CoreV1Api);
    const namespace = 'typed';
    await core.createNamespace({ body: { metadata: { name: namespace } } });
    for (const name of ['a', 'b', 'c'])
      await core.createNamespacedConfigMap({ namespace, body: { metadata: { name }, data: { key: name } } });
    await core.createNamespacedConfigMap({ namespace, dryRun: 'All', body: { metadata: { name: 'd' } } });
    const first = await core.listNamespacedConfigMap({ namespace, limit: 2 });
    const rest = await core.listNamespacedConfigMap({
      namespace,
      _continue: first.metadata?._continue ?? '',
    });
    expect([...first.items, ...rest.items].map(({ metadata }) => metadata?.name)).toEqual(['a', 'b', 'c']);
    expect(first.metadata?.remainingItemCount).toBe(1);
    await core.deleteCollectionNamespacedConfigMap({ namespace, fieldSelector: 'metadata.name!=a' });
    expect((await core.listNamespacedConfigMap({ namespace })).items).toHaveLength(1);
    const { metadata } = await core.readNamespace({ name: namespace });
    expect(metadata?.creationTimestamp).toBeInstanceOf(Date);
  });

  test('ask what the user may do and who that is', async () => {
    const authorization = config.makeApiClient(AuthorizationV1Api);
    const resourceAttributes = {
      group: 'gantry.dev',
      resource: 'jobs',
      verb: 'create',
      namespace: 'default',
    };
    const review = await authorization.createSelfSubjectAccessReview({
      body: { spec: { resourceAttributes } },
    });
    expect(review.status?.allowed).toBe(true);
    const rules = await authorization.createSelfSubjectRulesReview({
      body: { spec: { namespace: 'default' } },
    });
    expect(rules.status?.resourceRules.length).toBeGreaterThan(0);
    const { status } = await config.makeApiClient(AuthenticationV1Api).createSelfSubjectReview({ body: {} });
    expect(status?.userInfo?.username).toBe('gantry-admin');
  });

  test('read the version', async () => {
    expect((await config.makeApiClient(VersionApi).getCode()).gitVersion).toMatch(/\+gantry/);
  });
});

describe('Watch', () => {
  test('shows every change, and ends when it is told to', async () => {
    const { metadata } = await createJob('watched');
    const seen: string[] = [];
    let ended = false;
    const abort = await new Watch(config).watch(
      jobsPath,
      { resourceVersion: metadata.resourceVersion, fieldSelector: 'metadata.name=watched' },
      (type, object: Job) => seen.push(`${type} ${object.spec.replicas}`),
      () => {
        ended = true;
      },
    );
    const name = 'watched';
    const body = [{ op: 'replace', path: '/spec/replicas', value: 4 }];
    await custom().patchNamespacedCustomObject({ ...coordinates, name, body });
    await custom().deleteNamespacedCustomObject({ ...coordinates, name });
    await vi.waitFor(() => expect(seen).toEqual(['MODIFIED 4', 'DELETED 4']));
    abort.abort();
    await vi.waitFor(() => expect(ended).toBe(true));
  });
});

describe('makeInformer', () => {
  test('keeps a cache and tells of every change', async () => {
    await createJob('known');
    const list = (): Promise<KubernetesListObject<Job>> => custom().listNamespacedCustomObject(coordinates);
    const informer = makeInformer<Job>(config, jobsPath, list);
    const told: string[] = [];
    for (const verb of ['add', 'update', 'delete'] as const)
      informer.on(verb as 'add', ({ metadata }) => told.push(`${verb} ${metadata.name}`));
    informer.on('error', () => {});
    await informer.start();
    await createJob('new');
    await custom().patchNamespacedCustomObject({
      ...coordinates,
      name: 'new',
      body: [{ op: 'replace', path: '/spec/replicas', value: 9 }],
    });
    await vi.waitFor(() => expect(informer.get('new', 'default')?.spec.replicas).toBe(9));
    await custom().deleteNamespacedCustomObject({ ...coordinates, name: 'new' });
    await vi.waitFor(() => expect(told).toEqual(['add known', 'add new', 'update new', 'delete new']));
    expect(informer.list().map(({ metadata }) => metadata.name)).toEqual(['known']);
    await informer.stop();
  });
});

test('CoreV1Api creates, reads, lists, patches, watches, evicts and deletes pods', async () => {
  const api = config.makeApiClient(CoreV1Api);
  const place = { namespace: 'default', name: 'typed' };
  const container = { name: 'main', image: 'busybox', args: ['sleep', '60'] };
  const body = { metadata: { name: 'typed' }, spec: { containers: [container], restartPolicy: 'Never' } };
  const created = await api.createNamespacedPod({ namespace: 'default', body });
  expect(created.status?.phase).toBe('Pending');
  expect((await api.readNamespacedPod(place)).spec?.containers).toMatchObject([container]);
  const { items } = await api.listNamespacedPod({
    namespace: 'default',
    fieldSelector: 'metadata.name=typed',
  });
  expect(items.map(({ metadata }) => metadata?.uid)).toEqual([created.metadata?.uid]);
  const labelled = { ...created, metadata: { ...created.metadata, labels: { a: 'b' } } };
  expect((await api.replaceNamespacedPod({ ...place, body: labelled })).metadata?.labels).toEqual({ a: 'b' });
  expect((await api.readNamespacedPodStatus(place)).status?.phase).toBe('Pending');
  await api.createNamespacedPodEviction({ ...place, body: { metadata: { name: 'typed' } } });
  expect(await refusal(api.deleteNamespacedPod(place))).toEqual([404, 'NotFound']);
});
