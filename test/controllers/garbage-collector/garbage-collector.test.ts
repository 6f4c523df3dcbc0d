/** The garbage collector and the namespace controller on the real API server. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ConfigMap, Job, Namespace, Task } from '../../../api/kinds/resources.ts';
import type { OwnerReference } from '../../../api/meta/object-meta.ts';
import type { DeleteParameters } from '../../../client/client.ts';
import { FaultyClient } from '../../../client/testing/index.ts';
import { ControlPlane } from '../control-plane.ts';

const web = { namespace: 'default', name: 'web' };
const eventually = { timeout: 8_000, interval: 20 };
const template = { spec: { containers: [{ name: 'main', command: ['sleep', '1d'] }] } };

let plane: ControlPlane;

beforeEach(async () => {
  plane = await ControlPlane.start();
  await plane.addNode('n1');
});

afterEach(() => plane.stop());

async function createConfigMap(name: string, ...ownerReferences: OwnerReference[]): Promise<ConfigMap> {
  return plane.client.create(ConfigMap, { metadata: { namespace: 'default', name, ownerReferences } });
}

function referenceTo(object: ConfigMap): OwnerReference {
  const { name, uid = '' } = object.metadata;
  return { apiVersion: 'v1', kind: 'ConfigMap', name, uid, blockOwnerDeletion: true };
}

async function expectConfigMaps(...names: string[]): Promise<void> {
  await vi.waitFor(async () => {
    const { items } = await plane.client.list(ConfigMap, { namespace: 'default' });
    expect(items.map(({ metadata }) => metadata.name).sort()).toEqual(names);
  }, eventually);
}

/** Gives a collector that would be wrong the time to be so. */
const aWhile = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 300));

describe('in the background', () => {
  test('what is owned goes after its owner, down to the last generation', async () => {
    plane.startControllers();
    const top = await createConfigMap('top');
    const middle = await createConfigMap('middle', referenceTo(top));
    await createConfigMap('bottom', referenceTo(middle));
    await createConfigMap('other');
    await plane.client.delete(ConfigMap, { namespace: 'default', name: 'top' });
    await expectConfigMaps('other');
  });

  test('an owner that went before the collector started is missed all the same', async () => {
    const top = await createConfigMap('top');
    await createConfigMap('child', referenceTo(top));
    await plane.client.delete(ConfigMap, { namespace: 'default', name: 'top' });
    plane.startControllers();
    await expectConfigMaps();
  });

  test('an owner of the same name with another uid is no owner', async () => {
    const top = await createConfigMap('top');
    await createConfigMap('child', referenceTo(top));
    await plane.client.delete(ConfigMap, { namespace: 'default', name: 'top' });
    await createConfigMap('top');
    plane.startControllers();
    await expectConfigMaps('top');
  });

  test('one owner of two is enough to stay', async () => {
    plane.startControllers();
    const [first, second] = [await createConfigMap('first'), await createConfigMap('second')];
    await createConfigMap('child', referenceTo(first), referenceTo(second));
    await plane.client.delete(ConfigMap, { namespace: 'default', name: 'first' });
    await aWhile();
    await expectConfigMaps('child', 'second');
    await plane.client.delete(ConfigMap, { namespace: 'default', name: 'second' });
    await expectConfigMaps();
  });

  test('a child that changed under the collector’s hands goes all the same', async () => {
    plane.startControllers((client) => {
      const conflicts = { fault: 'conflict', verb: 'delete', kind: 'ConfigMap', times: 3 } as const;
      return new FaultyClient(client).inject(conflicts).client;
    });
    const top = await createConfigMap('top');
    await createConfigMap('child', referenceTo(top));
    await plane.client.delete(ConfigMap, { namespace: 'default', name: 'top' });
    await expectConfigMaps();
  });

  test('an owner of a kind nobody knows keeps its child', async () => {
    plane.startControllers();
    await createConfigMap('child', { apiVersion: 'demo.dev/v1', kind: 'Backup', name: 'b', uid: 'u' });
    await aWhile();
    await expectConfigMaps('child');
  });
});

describe('objects that own each other', () => {
  const names = ['first', 'second', 'third'];
  /** Each owned by the one before it, the first by the last. */
  async function createCircle(): Promise<void> {
    let owner: ConfigMap | undefined;
    for (const name of names) owner = await createConfigMap(name, ...(owner ? [referenceTo(owner)] : []));
    const body = { metadata: { ownerReferences: [referenceTo(owner!)] } };
    await plane.client.patch(ConfigMap, { namespace: 'default', name: 'first' }, { type: 'merge', body });
  }
  const deleteOne = (name: string, propagationPolicy: DeleteParameters['propagationPolicy']): Promise<void> =>
    plane.client.delete(ConfigMap, { namespace: 'default', name }, { propagationPolicy });

  test('stay as long as none is deleted', async () => {
    plane.startControllers();
    await createCircle();
    await aWhile();
    await expectConfigMaps(...names);
  });

  test.each(['Background', 'Foreground'] as const)('go together when one is deleted: %s', async (policy) => {
    plane.startControllers();
    await createCircle();
    await deleteOne('second', policy);
    await expectConfigMaps();
  });

  test('do not wait for each other when all are deleted in the foreground', async () => {
    await createCircle();
    for (const name of names) await deleteOne(name, 'Foreground');
    await expectConfigMaps(...names);
    plane.startControllers();
    await expectConfigMaps();
  });

  test('part when one orphans the others', async () => {
    plane.startControllers();
    await createCircle();
    await deleteOne('first', 'Orphan');
    await expectConfigMaps('second', 'third');
  });
});

describe('a deleted job', () => {
  async function startJob(): Promise<void> {
    plane.startControllers();
    await plane.client.create(Job, {
      metadata: { ...web },
      spec: { type: 'Service', replicas: 2, template } as never,
    });
    await vi.waitFor(async () => expect(await plane.taskNames()).toHaveLength(2), eventually);
  }

  const deleteJob = (parameters: DeleteParameters = {}): Promise<void> =>
    plane.client.delete(Job, web, parameters);

  test('takes its tasks along, and no new ones are made', async () => {
    await startJob();
    await deleteJob();
    await vi.waitFor(async () => expect(await plane.taskNames()).toEqual([]), eventually);
    await aWhile();
    expect(await plane.taskNames()).toEqual([]);
  });

  test('in the foreground stays until the last task has stopped', async () => {
    await startJob();
    await plane.report(['web-0-0'], 'Running');
    await deleteJob({ propagationPolicy: 'Foreground' });
    await vi.waitFor(async () => expect(await plane.taskNames()).toEqual(['web-0-0']), eventually);
    await aWhile();
    expect((await plane.client.get(Job, web)).metadata.deletionTimestamp).toBeDefined();
    await plane.client.delete(Task, { namespace: 'default', name: 'web-0-0' }, { gracePeriodSeconds: 0 });
    await vi.waitFor(
      async () => expect(plane.client.get(Job, web)).rejects.toMatchObject({ reason: 'NotFound' }),
      eventually,
    );
  });

  test('that orphans leaves its tasks behind, owned by nobody', async () => {
    await startJob();
    await deleteJob({ propagationPolicy: 'Orphan' });
    await vi.waitFor(
      async () => expect(plane.client.get(Job, web)).rejects.toMatchObject({ reason: 'NotFound' }),
      eventually,
    );
    await aWhile();
    const tasks = await plane.tasks();
    expect(tasks.map(({ metadata }) => metadata.name)).toEqual(['web-0-0', 'web-1-0']);
    for (const { metadata } of tasks) expect(metadata.ownerReferences ?? []).toEqual([]);
  });
});

describe('a deleted namespace', () => {
  test('is emptied, jobs and tasks included, before it goes', async () => {
    plane.startControllers();
    await plane.client.create(Namespace, { metadata: { name: 'team' } });
    const metadata = { namespace: 'team', name: 'web' };
    await plane.client.create(Job, { metadata, spec: { type: 'Service', replicas: 2, template } as never });
    await plane.client.create(ConfigMap, { metadata: { namespace: 'team', name: 'settings' } });
    await vi.waitFor(async () => expect(await plane.taskNames('team')).toHaveLength(2), eventually);
    await plane.client.delete(Namespace, { name: 'team' });
    await vi.waitFor(
      async () =>
        expect(plane.client.get(Namespace, { name: 'team' })).rejects.toMatchObject({ reason: 'NotFound' }),
      eventually,
    );
    expect(await plane.taskNames('team')).toEqual([]);
  });

  test('waits for what takes its time, and says for what', async () => {
    plane.startControllers();
    await plane.client.create(Namespace, { metadata: { name: 'team' } });
    const held = { namespace: 'team', name: 'held', finalizers: ['example.com/wait'] };
    await plane.client.create(ConfigMap, { metadata: held });
    await plane.client.delete(Namespace, { name: 'team' });
    await vi.waitFor(async () => {
      const { status } = await plane.client.get(Namespace, { name: 'team' });
      expect(status.conditions?.map(({ type, message }) => `${type}: ${message}`)).toEqual([
        'NamespaceContentRemaining: Some resources are remaining: configmaps',
        'NamespaceFinalizersRemaining: Some content in the namespace has finalizers remaining: example.com/wait',
      ]);
    }, eventually);
    const body = { metadata: { finalizers: null } };
    await plane.client.patch(ConfigMap, { namespace: 'team', name: 'held' }, { type: 'merge', body });
    await vi.waitFor(
      async () =>
        expect(plane.client.get(Namespace, { name: 'team' })).rejects.toMatchObject({ reason: 'NotFound' }),
      eventually,
    );
  });
});
