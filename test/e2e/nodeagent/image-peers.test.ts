/** Nodes give one another the layers of images; the registry gives each once. Real registry, real agents' servers. */
import { mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { Node } from '../../../api/kinds/resources.ts';
import { systemClock } from '../../../api/meta/clock.ts';
import { silentLogger } from '../../../api/meta/logger.ts';
import { createCertificateAuthority, issueCertificate, type KeyPair } from '../../../api/server/pki.ts';
import { BlobUploads } from '../../../nodeagent/images/blob-uploads.ts';
import { buildBusyboxImage } from '../../../nodeagent/images/busybox-image.ts';
import { type Credential, parseDockerConfig } from '../../../nodeagent/images/credentials.ts';
import { parseManifest } from '../../../nodeagent/images/image-manifest.ts';
import { ImagePeers } from '../../../nodeagent/images/image-peers.ts';
import { ImagePuller } from '../../../nodeagent/images/image-puller.ts';
import { blobPath, listImages } from '../../../nodeagent/images/image-store.ts';
import { AgentServer } from '../../../nodeagent/server.ts';
import { type TestCluster, testCluster } from '../../kit/cluster.ts';
import { TestRegistry } from '../../kit/registry.ts';
import { eventually } from './machine-traces.ts';

const scratch = mkdtempSync(join(tmpdir(), 'gantry-peers-'));
const open = new TestRegistry(join(scratch, 'open'));
const closed = new TestRegistry(join(scratch, 'closed'));
let authority: KeyPair;
let cluster: TestCluster;
let peers: Peer[] = [];
let pulls = 0;

beforeAll(async () => {
  const archive = join(scratch, 'busybox.tar');
  await Promise.all([open.up({ open: true }), closed.up()]);
  await buildBusyboxImage({ binary: '/bin/busybox', archive });
  for (const registry of [open, closed]) await registry.push(`oci-archive:${archive}`, 'team/app:1');
  authority = await createCertificateAuthority();
});
afterAll(async () => {
  await Promise.all([open.down(), closed.down()]);
  rmSync(scratch, { recursive: true, force: true });
});
beforeEach(async () => {
  cluster = await testCluster();
  peers = [];
  for (const name of ['n1', 'n2', 'n3']) peers.push(await Peer.start(name));
  open.log = closed.log = '';
});
afterEach(async () => {
  for (const peer of peers) await peer.stop();
  await cluster.stop();
});

/** As much of an agent as has to do with images. */
class Peer {
  readonly name: string;
  readonly directory: string;
  readonly puller: ImagePuller;
  readonly #server: AgentServer;

  private constructor(
    name: string,
    directory: string,
    { puller, server }: { puller: ImagePuller; server: AgentServer },
  ) {
    this.name = name;
    this.directory = directory;
    this.puller = puller;
    this.#server = server;
  }

  static async start(name: string): Promise<Peer> {
    const directory = mkdtempSync(join(scratch, `${name}-`));
    const identity = { commonName: `system:node:${name}`, organizations: ['system:nodes'] };
    const pair = await issueCertificate(authority, {
      ...identity,
      hosts: ['127.0.0.1'],
      usage: 'both',
      days: 1,
    });
    const config = {
      ...{ server: 'https://in-process', namespace: 'default', ca: authority.certPem },
      ...{ clientCertificate: pair.certPem, clientKey: pair.keyPem },
    };
    const user = { name: identity.commonName, groups: ['system:nodes', 'system:authenticated'] };
    const client = cluster.clientAs(user);
    const registries = {
      mirrors: {},
      configs: { ...open.registries.configs, ...closed.registries.configs },
    };
    const puller = new ImagePuller({
      ...{ directory, clock: systemClock, registries },
      peers: new ImagePeers({ client, config, node: name, logger: silentLogger }),
    });
    const server = new AgentServer({
      tls: { ca: authority.certPem, cert: pair.certPem, key: pair.keyPem },
      runtime: { logRotation: 'reopen' },
      records: () => [],
      logDirectory: directory,
      images: { answer: async () => {} },
      blobs: new BlobUploads(directory),
      logger: silentLogger,
    });
    const port = await server.listen('127.0.0.1', 0);
    const conditions = [
      { type: 'Ready', status: 'True' as const, lastTransitionTime: '2030-01-01T00:00:00Z' },
    ];
    const node = await cluster.client.create(Node, { metadata: { name } });
    await cluster.client.updateStatus(Node, {
      ...node,
      status: {
        conditions,
        addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
        daemonEndpoints: { kubeletEndpoint: { Port: port } },
      },
    });
    return new Peer(name, directory, { puller, server });
  }

  /** Pulls as a task with these logins does, and tells the API server what the node has now. */
  async pull(image: string, logins: Credential[] = []): Promise<void> {
    const request = {
      owner: `task-${pulls++}`,
      image,
      policy: 'Always' as const,
      wake: () => {},
      onEvent: () => {},
    };
    await eventually(`${this.name} has ${image}`, async () => {
      const answer = await this.puller.ensure({ ...request, logins: async () => logins });
      if (answer.state === 'waiting' && answer.reason !== 'ContainerCreating')
        throw new Error(answer.message);
      return answer.state === 'ready';
    });
    const images = (await listImages(this.directory)).map(({ names, sizeBytes }) => ({ names, sizeBytes }));
    const patch = { type: 'merge' as const, body: { status: { images } } };
    await cluster.client.patch(Node, { name: this.name }, patch, { subresource: 'status' });
  }

  async stop(): Promise<void> {
    await this.puller.stop();
    await this.#server.close();
  }
}

function peer(index: number): Peer {
  const found = peers[index];
  if (!found) throw new Error(`there is no peer ${index}`);
  return found;
}

async function blobsOf({ directory }: Peer): Promise<string[]> {
  const [image] = await listImages(directory);
  const { config, layers } = parseManifest(readFileSync(blobPath(directory, image?.digest ?? '')));
  return [config, ...layers].map(({ digest }) => digest);
}

it('the registry gives every blob once, however many nodes run the image', async () => {
  for (const each of peers) await each.pull(`${open.host}/team/app:1`);
  await eventually('the registry has written its log', () => open.blobsServed > 0);
  expect(open.blobsServed).toBe((await blobsOf(peer(0))).length);
  expect(await listImages(peer(2).directory)).toEqual(await listImages(peer(0).directory));
});

it('a blob that was changed on its way, or a node that is gone, costs no more than a pull from the registry', async () => {
  await peer(0).pull(`${open.host}/team/app:1`);
  const served = (await blobsOf(peer(0))).length;
  for (const digest of await blobsOf(peer(0))) truncateSync(blobPath(peer(0).directory, digest), 10);
  await peer(1).pull(`${open.host}/team/app:1`);
  expect(await listImages(peer(1).directory)).toEqual(await listImages(peer(0).directory));
  await peer(0).stop();
  await peer(1).stop();
  await peer(2).pull(`${open.host}/team/app:1`);
  await eventually('the registry has written its log', () => open.blobsServed === 3 * served);
});

it("a tenant's image is given to no other node: each asks the registry, which asks for the login", async () => {
  const logins = parseDockerConfig(closed.dockerConfig());
  const image = `${closed.host}/team/app:1`;
  await peer(0).pull(image, logins);
  const blobs = await blobsOf(peer(0));
  await expect(peer(1).pull(image)).rejects.toThrow('401');
  await peer(1).pull(image, logins);
  await eventually('the registry has written its log', () => closed.blobsServed === 2 * blobs.length);
  const sent = new BlobUploads(peer(0).directory).send(blobs[0] ?? '', {} as never);
  await expect(sent).rejects.toMatchObject({ reason: 'NotFound' });
});

it('a node learns who has an image of that digest, and nothing of a node it asks for in the name of another', async () => {
  await peer(0).pull(`${open.host}/team/app:1`);
  const [image] = await listImages(peer(0).directory);
  const asNode = cluster.clientAs({
    name: 'system:node:n2',
    groups: ['system:nodes', 'system:authenticated'],
  });
  const ask = (node: string, digest = image?.digest ?? '') =>
    asNode.raw(`/api/v1/nodes/${node}/imagepeers?digest=${digest}`);
  const { items } = (await ask('n2')) as { items: Node[] };
  expect(items.map(({ metadata }) => metadata)).toEqual([{ name: 'n1' }]);
  expect(Object.keys(items[0]?.status ?? {}).sort()).toEqual(['addresses', 'daemonEndpoints']);
  expect(await ask('n2', `sha256:${'0'.repeat(64)}`)).toMatchObject({ items: [] });
  await expect(ask('n1')).rejects.toMatchObject({ reason: 'Forbidden' });
  await expect(ask('n2', 'latest')).rejects.toMatchObject({ reason: 'BadRequest' });
});
