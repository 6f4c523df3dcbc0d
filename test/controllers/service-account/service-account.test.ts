/** The service account controller on the real API server: what a namespace has from its first moment to its last. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Namespace, ServiceAccount } from '../../../api/kinds/resources.ts';
import { ControlPlane } from '../control-plane.ts';

const eventually = { timeout: 8_000, interval: 20 };
const account = { namespace: 'fresh', name: 'default' };

let plane: ControlPlane;

beforeEach(async () => {
  plane = await ControlPlane.start();
  plane.startControllers();
  await plane.client.create(Namespace, { metadata: { name: 'fresh' } } as never);
});

afterEach(() => plane.stop());

const uidOf = async (): Promise<string> =>
  vi.waitFor(async () => (await plane.client.get(ServiceAccount, account)).metadata.uid ?? '', eventually);

test('every namespace has a service account `default`, also those that were there before', async () => {
  await uidOf();
  await vi.waitFor(
    () => plane.client.get(ServiceAccount, { namespace: 'kube-system', name: 'default' }),
    eventually,
  );
});

test('a deleted `default` is made again, as another one', async () => {
  const uid = await uidOf();
  await plane.client.delete(ServiceAccount, account);
  await vi.waitFor(async () => expect(await uidOf()).not.toBe(uid), eventually);
});

test('a namespace with its account goes away for good', async () => {
  await uidOf();
  await plane.client.delete(Namespace, { name: 'fresh' });
  await vi.waitFor(
    () =>
      expect(plane.client.get(Namespace, { name: 'fresh' })).rejects.toMatchObject({ reason: 'NotFound' }),
    eventually,
  );
});
