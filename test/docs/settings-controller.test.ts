import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ConfigMap, ControllerRuntime, hasReason, Job } from '../../client/index.ts';
import { settingsController } from '../../docs/examples/settings-controller.ts';
import { type TestCluster, testCluster } from '../kit/cluster.ts';

let cluster: TestCluster;
let runtime: ControllerRuntime;

beforeEach(async () => {
  cluster = await testCluster();
  const { client, clock, random } = cluster;
  runtime = new ControllerRuntime({ client, clock, random, component: 'settings' }).add(settingsController);
  const started = runtime.start();
  await cluster.until(() => runtime.hasSynced);
  await started;
});

afterEach(async () => {
  await runtime.stop({ graceMs: 0 });
  await cluster.stop();
});

const settings = { namespace: 'default', name: 'web-settings' };

function findSettings(): Promise<ConfigMap | undefined> {
  return cluster.client.get(ConfigMap, settings).catch((error: unknown) => {
    if (hasReason(error, 'NotFound')) return undefined;
    throw error;
  });
}

it('the controller of the documentation makes what is missing, and makes it again', async () => {
  await cluster.client.create(Job, {
    metadata: { namespace: 'default', name: 'web' },
    spec: {
      type: 'Service',
      replicas: 3,
      template: { spec: { containers: [{ name: 'main', command: ['true'] }] } },
    },
  });
  const first = await cluster.until(findSettings);
  expect(first.data).toEqual({ replicas: '3' });
  await cluster.client.delete(ConfigMap, settings);
  const second = await cluster.until(findSettings);
  expect(second.metadata.uid).not.toBe(first.metadata.uid);
});

it('README shows it as it is', () => {
  const [, code = ''] = readFileSync('docs/examples/settings-controller.ts', 'utf8').split(
    "client/index.ts';\n",
  );
  expect(readFileSync('README.md', 'utf8')).toContain(code.trim());
});
