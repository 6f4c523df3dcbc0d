/** Node loss on the real API server, with short leases: from the last heartbeat to the task's replacement. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Job, Node, Task } from '../../../api/kinds/resources.ts';
import { conditionOf } from '../../../api/meta/conditions.ts';
import { ControlPlane } from '../control-plane.ts';

const eventually = { timeout: 12_000, interval: 50 };
const template = { spec: { containers: [{ name: 'main', command: ['sleep', '1d'] }] } };

let plane: ControlPlane;
let heart: NodeJS.Timeout;
let beating: string[];

beforeEach(async () => {
  plane = await ControlPlane.start();
  beating = ['n1', 'n2', 'n3'];
  for (const name of beating) await plane.addNode(name, { leaseDurationSeconds: 2 });
  heart = setInterval(() => {
    for (const name of beating) plane.renewLease(name).catch(() => {});
  }, 300);
  plane.startControllers();
  const spec = { type: 'Service', replicas: 1, disconnect: { lostAfterSeconds: 1 }, template };
  await plane.client.create(Job, { metadata: { namespace: 'default', name: 'web' }, spec: spec as never });
  await vi.waitFor(async () => expect(await plane.taskNames()).toEqual(['web-0-0']), eventually);
  await plane.report(['web-0-0'], 'Running', 'n1');
});

afterEach(async () => {
  clearInterval(heart);
  await plane.stop();
});

test('a silent node is marked, its task replaced, and both are known again when it returns', async () => {
  beating = ['n2', 'n3'];
  await vi.waitFor(async () => {
    const node = await plane.client.get(Node, { name: 'n1' });
    expect(conditionOf(node.status.conditions, 'Ready')).toMatchObject({
      status: 'Unknown',
      reason: 'NodeStatusUnknown',
    });
    expect(node.spec.taints).toMatchObject([{ key: 'node.kubernetes.io/unreachable', effect: 'NoSchedule' }]);
  }, eventually);
  await vi.waitFor(async () => expect(await plane.taskNames()).toEqual(['web-0-0', 'web-0-1']), eventually);
  const [lost] = await plane.tasks();
  expect(lost?.status).toMatchObject({ phase: 'Unknown', reason: 'NodeLost' });
  // It still holds its place on n1, until the agent says that it stopped.
  expect(lost?.metadata.deletionTimestamp).toBeDefined();
  beating = ['n1', 'n2', 'n3'];
  await vi.waitFor(async () => {
    expect((await plane.client.get(Node, { name: 'n1' })).spec.taints ?? []).toEqual([]);
  }, eventually);
});

test('a node taken out of the cluster is fenced: its task goes at once and is made anew', async () => {
  const before = await plane.client.get(Task, { namespace: 'default', name: 'web-0-0' });
  beating = ['n2', 'n3'];
  await plane.client.delete(Node, { name: 'n1' });
  await vi.waitFor(async () => {
    const tasks = await plane.tasks();
    expect(tasks).toHaveLength(1);
    expect(tasks[0]?.metadata.uid).not.toBe(before.metadata.uid);
    expect(tasks[0]?.spec.nodeName).toBeUndefined();
  }, eventually);
});
