import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { CustomResourceDefinition } from '../../api/kinds/resources.ts';
import { ControllerRuntime, isConditionTrue, Job } from '../../client/index.ts';
import { CronTab, cronTabController } from '../../docs/examples/crontab-controller.ts';
import { type TestCluster, testCluster } from '../kit/cluster.ts';

const [definition, object] = parseAllDocuments(readFileSync('manifests/06-crontab.yaml', 'utf8')).map(
  (document) => document.toJSON(),
) as [CustomResourceDefinition, CronTab];
const key = { namespace: 'default', name: object.metadata.name };

let cluster: TestCluster;
let runtime: ControllerRuntime;

beforeEach(async () => {
  cluster = await testCluster();
  const { client, clock, random } = cluster;
  await client.create(CustomResourceDefinition, definition);
  await cluster.until(async () => {
    const { status } = await client.get(CustomResourceDefinition, { name: definition.metadata.name });
    return isConditionTrue(status?.conditions, 'Established');
  });
  runtime = new ControllerRuntime({ client, clock, random, component: 'crontabs' }).add(cronTabController);
  const started = runtime.start();
  await cluster.until(() => runtime.hasSynced);
  await started;
});

afterEach(async () => {
  await runtime.stop({ graceMs: 0 });
  await cluster.stop();
});

it('the controller of the documentation is written in under 60 lines', () => {
  expect(readFileSync('docs/examples/crontab-controller.ts', 'utf8').split('\n').length).toBeLessThan(60);
});

it('a CronTab gets its job, which follows its replicas', async () => {
  const { client } = cluster;
  await client.create(CronTab, { ...object, metadata: { ...key } });
  const replicasOfJob = async (): Promise<number | undefined> => {
    const { items } = await client.list(Job, { namespace: 'default' });
    return items[0]?.spec.replicas;
  };
  await cluster.until(async () => (await replicasOfJob()) === 1);
  await cluster.until(async () => (await client.get(CronTab, key)).status?.labelSelector);
  await client.patch(
    CronTab,
    key,
    { type: 'merge', body: { spec: { replicas: 4 } } },
    { subresource: 'scale' },
  );
  await cluster.until(async () => (await replicasOfJob()) === 4);
  const { items } = await client.list(Job, { namespace: 'default' });
  expect(items[0]?.metadata.ownerReferences).toMatchObject([
    { kind: 'CronTab', name: key.name, controller: true },
  ]);
  await client.delete(Job, { namespace: 'default', name: key.name });
  await cluster.until(async () => (await replicasOfJob()) === 4);
});
