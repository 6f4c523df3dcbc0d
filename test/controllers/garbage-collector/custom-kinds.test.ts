/** The garbage collector and the namespace controller on kinds that come while they run. */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { ConfigMap, CustomResourceDefinition, Namespace } from '../../../api/kinds/resources.ts';
import { hasReason } from '../../../api/meta/api-error.ts';
import { isConditionTrue } from '../../../api/meta/conditions.ts';
import { ownerReference } from '../../../api/meta/object-meta.ts';
import { CronTab } from '../../../docs/examples/crontab-controller.ts';
import { ControlPlane } from '../control-plane.ts';

const [definition, object] = parseAllDocuments(readFileSync('manifests/06-crontab.yaml', 'utf8')).map(
  (document) => document.toJSON(),
) as [CustomResourceDefinition, CronTab];
const eventually = { timeout: 10_000, interval: 20 };

let plane: ControlPlane;

beforeEach(async () => {
  plane = await ControlPlane.start();
  plane.startControllers();
  await plane.client.create(CustomResourceDefinition, definition);
  await vi.waitFor(async () => {
    const { status } = await plane.client.get(CustomResourceDefinition, { name: definition.metadata.name });
    expect(isConditionTrue(status?.conditions, 'Established')).toBe(true);
  }, eventually);
});

afterEach(() => plane.stop());

function createCronTab(name: string, namespace = 'default', owner?: ConfigMap): Promise<CronTab> {
  const ownerReferences = owner ? [ownerReference(owner)] : [];
  return plane.client.create(CronTab, { ...object, metadata: { namespace, name, ownerReferences } });
}

async function expectGone(read: Promise<unknown>): Promise<void> {
  const gone = await read.then(
    () => false,
    (error: unknown) => hasReason(error, 'NotFound'),
  );
  expect(gone).toBe(true);
}

test('what custom objects own goes after them, and they after what owns them', async () => {
  const top = await plane.client.create(ConfigMap, { metadata: { namespace: 'default', name: 'top' } });
  const middle = await createCronTab('middle', 'default', top);
  const metadata = { namespace: 'default', name: 'bottom', ownerReferences: [ownerReference(middle)] };
  await plane.client.create(ConfigMap, { metadata });
  await plane.client.delete(ConfigMap, { namespace: 'default', name: 'top' });
  await vi.waitFor(async () => {
    await expectGone(plane.client.get(CronTab, { namespace: 'default', name: 'middle' }));
    await expectGone(plane.client.get(ConfigMap, { namespace: 'default', name: 'bottom' }));
  }, eventually);
});

test('a custom object that is deleted in the foreground waits for what it owns', async () => {
  const owner = await createCronTab('owner');
  const reference = { ...ownerReference(owner), blockOwnerDeletion: true };
  await plane.client.create(ConfigMap, {
    metadata: {
      namespace: 'default',
      name: 'child',
      ownerReferences: [reference],
      finalizers: ['example.com/wait'],
    },
  });
  const key = { namespace: 'default', name: 'owner' };
  await plane.client.delete(CronTab, key, { propagationPolicy: 'Foreground' });
  await vi.waitFor(async () => {
    const child = await plane.client.get(ConfigMap, { namespace: 'default', name: 'child' });
    expect(child.metadata.deletionTimestamp).toBeDefined();
  }, eventually);
  expect((await plane.client.get(CronTab, key)).metadata.finalizers).toEqual(['foregroundDeletion']);
  await plane.client.patch(
    ConfigMap,
    { namespace: 'default', name: 'child' },
    { type: 'merge', body: { metadata: { finalizers: null } } },
  );
  await vi.waitFor(() => expectGone(plane.client.get(CronTab, key)), eventually);
});

test('a namespace takes its custom objects with it', async () => {
  await plane.client.create(Namespace, { metadata: { name: 'team-a' } });
  await createCronTab('a', 'team-a');
  await plane.client.delete(Namespace, { name: 'team-a' });
  await vi.waitFor(() => expectGone(plane.client.get(Namespace, { name: 'team-a' })), eventually);
  expect((await plane.client.list(CronTab)).items).toEqual([]);
});

test('the controllers go on when a custom kind goes', async () => {
  await createCronTab('a');
  await plane.client.delete(CustomResourceDefinition, { name: definition.metadata.name });
  await vi.waitFor(
    () => expectGone(plane.client.get(CustomResourceDefinition, { name: definition.metadata.name })),
    eventually,
  );
  await plane.client.create(Namespace, { metadata: { name: 'team-b' } });
  await plane.client.delete(Namespace, { name: 'team-b' });
  await vi.waitFor(() => expectGone(plane.client.get(Namespace, { name: 'team-b' })), eventually);
});
