/** What only the real server can show: expired history, real sockets, a restart, a leader's controllers. */
import { afterEach, describe, expect, test } from 'vitest';
import { builtinKinds } from '../../api/kinds/registry.ts';
import { ConfigMap, Secret } from '../../api/kinds/resources.ts';
import { hasReason } from '../../api/meta/api-error.ts';
import { sleep, systemClock } from '../../api/meta/clock.ts';
import { silentLogger } from '../../api/meta/logger.ts';
import { ownerReference } from '../../api/meta/object-meta.ts';
import { createAuthenticator } from '../../api/server/authenticate.ts';
import { createCertificateAuthority, issueCertificate } from '../../api/server/pki.ts';
import { type ApiServer, createApiServer } from '../../api/server/server.ts';
import { openMemoryStore } from '../../api/store/memory-store.ts';
import type { Store } from '../../api/store/store.ts';
import type { Client } from '../../client/client.ts';
import { controller } from '../../client/controller.ts';
import { connect } from '../../client/http-client.ts';
import { Informer } from '../../client/informer.ts';
import { LeaderElection } from '../../client/leader-election.ts';
import { ControllerRuntime } from '../../client/runtime.ts';
import { FaultyClient } from '../../client/testing/index.ts';
import { onClock, type TestCluster, testCluster } from '../kit/cluster.ts';
import { ChangeLog, versionsOf } from './change-log.ts';

const namespace = 'default';
const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function startCluster(): Promise<TestCluster> {
  const cluster = await testCluster();
  cleanups.push(() => cluster.stop());
  return cluster;
}

describe('over TLS', () => {
  const certificates = (async () => {
    const authority = await createCertificateAuthority();
    const serving = await issueCertificate(authority, {
      commonName: 'apiserver',
      hosts: ['127.0.0.1'],
      usage: 'server',
      days: 1,
    });
    const admin = await issueCertificate(authority, {
      commonName: 'gantry-admin',
      organizations: ['system:masters'],
      usage: 'client',
      days: 1,
    });
    return { authority, serving, admin };
  })();

  async function serve(store: Store, port: number): Promise<{ server: ApiServer; port: number }> {
    const { authority, serving } = await certificates;
    const server = createApiServer({
      store,
      kinds: builtinKinds,
      authenticator: createAuthenticator(),
      logger: silentLogger,
    });
    await server.start();
    const tls = { cert: serving.certPem, key: serving.keyPem, clientCa: authority.certPem };
    return { server, port: (await server.listen({ addresses: ['127.0.0.1'], port, tls })).port };
  }

  async function clientFor(port: number): Promise<Client> {
    const { authority, admin } = await certificates;
    const client = connect({
      server: `https://127.0.0.1:${port}`,
      ca: authority.certPem,
      clientCertificate: admin.certPem,
      clientKey: admin.keyPem,
      namespace,
    });
    cleanups.push(async () => client.close());
    return client;
  }

  async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
    for (let tries = 0; !(await condition()); tries++) {
      if (tries > 500) throw new Error(`never: ${condition}`);
      await sleep(systemClock, 20);
    }
  }

  test('an informer lives through a restart of the API server, even when history is gone by then', async () => {
    const store = openMemoryStore();
    cleanups.push(() => store.close());
    const first = await serve(store, 0);
    const client = await clientFor(first.port);
    const faulty = new FaultyClient(client);
    const informer = new Informer({ client: faulty.client, resource: ConfigMap }).start();
    cleanups.push(() => informer.stop());
    const log = new ChangeLog<ConfigMap>();
    informer.onChange(log.handler);
    const create = (name: string, through: Client = client) =>
      through.create(ConfigMap, { metadata: { namespace, name }, data: { x: 'ü🚢' } });
    await expect(create('bad name')).rejects.toSatisfy((error) => hasReason(error, 'Invalid'));
    await create('a');
    await create('b');
    await eventually(() => informer.cache.size === 2);

    await first.server.close();
    await expect(create('c')).rejects.toSatisfy((error) => hasReason(error, 'ServiceUnavailable', 'Timeout'));
    const meanwhile = await testCluster({ store });
    await meanwhile.client.delete(ConfigMap, { namespace, name: 'a' });
    await create('a', meanwhile.client);
    await meanwhile.client.delete(ConfigMap, { namespace, name: 'b' });
    await meanwhile.stop();
    await store.compact((await store.status()).revision);

    const second = await serve(store, first.port);
    cleanups.push(() => second.server.close());
    await create('d');
    await eventually(() => log.lines.includes('+d') && log.lines.includes('-b'));
    expect(log.faults).toEqual([]);
    expect(log.lines.slice(2).sort()).toEqual(['+a', '+d', '-a', '-b']);
    expect(faulty.calls.filter(({ verb }) => verb === 'list')).toHaveLength(2);
    expect(versionsOf(informer.cache.list())).toEqual(versionsOf((await client.list(ConfigMap)).items));
    expect(informer.cache.get('default/d')?.data).toEqual({ x: 'ü🚢' });
  });
});

describe('controllers of several candidates', () => {
  /** Makes one secret per config map; counts who made it. */
  const maker = (identity: string) =>
    controller(ConfigMap)
      .owns(Secret)
      .reconcile(async (object, { client, cache }) => {
        if (cache(Secret).ownedBy(object).length > 0) return;
        const metadata = {
          namespace,
          generateName: `${object.metadata.name}-`,
          labels: { by: identity },
          ownerReferences: [ownerReference(object)],
        };
        await client.create(Secret, { metadata });
      });

  test('work only while their candidate leads, and the next leader goes on where the last one stopped', async () => {
    const cluster = await startCluster();
    const { client, clock } = cluster;
    const candidate = (identity: string, network: FaultyClient): LeaderElection => {
      const election: LeaderElection = new LeaderElection({
        client: network.client,
        lease: { namespace: 'kube-system', name: 'maker' },
        identity,
        clock,
        onStarted: (signal) =>
          new ControllerRuntime({ client: election.fence(network.client), component: 'maker', clock })
            .add(maker(identity))
            .run(signal),
      });
      cleanups.push(() => onClock(clock, election.stop()));
      return election.start();
    };
    const network = new FaultyClient(client);
    const first = candidate('first', network);
    await cluster.until(() => first.isLeader);
    const second = candidate('second', new FaultyClient(client));
    await client.create(ConfigMap, { metadata: { namespace, name: 'one' } });
    const makers = async () =>
      (await client.list(Secret)).items.map(({ metadata }) => metadata.labels?.['by']);
    await cluster.until(async () => (await makers()).length === 1);
    network.inject({ fault: 'unavailable', times: 10_000 });
    await client.create(ConfigMap, { metadata: { namespace, name: 'two' } });
    await cluster.until(() => second.isLeader);
    await cluster.until(async () => (await makers()).length === 2);
    await clock.advance(30_000);
    expect(await makers()).toEqual(['first', 'second']);
    expect(first.isLeader).toBe(false);
  });
});
