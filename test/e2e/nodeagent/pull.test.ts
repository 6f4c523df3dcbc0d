/** Images pulled from a real registry with TLS and a login. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../../api/kinds/resources.ts';
import { systemClock, VirtualClock } from '../../../api/meta/clock.ts';
import { runCommand, tryCommand } from '../../../nodeagent/command.ts';
import { buildBusyboxImage } from '../../../nodeagent/images/busybox-image.ts';
import { type Credential, parseDockerConfig } from '../../../nodeagent/images/credentials.ts';
import { loadImage } from '../../../nodeagent/images/image-load.ts';
import {
  type ImageAnswer,
  ImagePuller,
  type ImageRequest,
  type PullerOptions,
} from '../../../nodeagent/images/image-puller.ts';
import { findImage, listImages } from '../../../nodeagent/images/image-store.ts';
import { registriesOf } from '../../../nodeagent/images/registries.ts';
import { TestRegistry } from '../../kit/registry.ts';
import { LocalAgent } from './local-agent.ts';
import { eventually } from './machine-traces.ts';

const directory = mkdtempSync(join(tmpdir(), 'gantry-pull-'));
const registry = new TestRegistry(directory);
const archive = join(directory, 'busybox.tar');
let logins: Credential[] = [];

beforeAll(async () => {
  await registry.up();
  logins = parseDockerConfig(registry.dockerConfig());
  await buildBusyboxImage({ binary: '/bin/busybox', archive });
  for (const name of ['team/app:1', 'team/app:latest']) await registry.push(`oci-archive:${archive}`, name);
});
afterAll(async () => {
  await registry.down();
  rmSync(directory, { recursive: true, force: true });
});

const store = (): string => mkdtempSync(join(directory, 'store-'));
const pullerFor = (options: Partial<PullerOptions> = {}): ImagePuller =>
  new ImagePuller({ directory: store(), clock: systemClock, registries: registry.registries, ...options });
const app = (tag: string): string => `${registry.host}/team/app:${tag}`;

/** Asks until it is no longer being pulled. */
async function outcome(puller: ImagePuller, request: Partial<ImageRequest>): Promise<ImageAnswer> {
  const events: string[] = [];
  const asked: ImageRequest = {
    ...{ owner: 'task/main', image: app('1'), wake: () => {}, logins: async () => logins },
    onEvent: (_type, reason) => events.push(reason),
    ...request,
  };
  return eventually('the pull ends', async () => {
    const answer = await puller.ensure(asked);
    return answer.state === 'waiting' && answer.reason === 'ContainerCreating' ? false : answer;
  });
}

async function ready(puller: ImagePuller, request: Partial<ImageRequest> = {}) {
  const answer = await outcome(puller, request);
  if (answer.state === 'ready') return answer;
  throw new Error(`${answer.reason}: ${answer.message}`);
}

describe('pulling', () => {
  it('resolves a tag to its digest, and keeps the image under both', async () => {
    const at = store();
    const { image, imageID } = await ready(pullerFor({ directory: at }));
    expect(imageID).toBe(`${registry.host}/team/app@${image.digest}`);
    expect((await findImage(at, imageID))?.digest).toBe(image.digest);
    expect(readdirSync(join(image.rootfs, 'bin'))).toContain('busybox');
    expect(readdirSync(join(at, 'tmp'))).toEqual([]);
  });

  it('gets what a Docker manifest and an index of several machines name', async () => {
    const docker = join(directory, 'docker');
    await runCommand('skopeo', ['copy', '--format', 'v2s2', `oci-archive:${archive}`, `dir:${docker}`]);
    const image = await registry.push(`dir:${docker}`, 'team/docker:1');
    expect((await ready(pullerFor(), { image })).image.config.Cmd).toEqual(['sh']);
  });

  it.each([
    ['no login', '', '401 UNAUTHORIZED'],
    ['a wrong password', 'user:wrong', '401 UNAUTHORIZED'],
  ])('with %s is refused in the words of the registry', async (_case, user, said) => {
    const own = user === '' ? [] : parseDockerConfig(registry.dockerConfig(user));
    const answer = await outcome(pullerFor(), { logins: async () => own });
    expect(answer).toMatchObject({ reason: 'ErrImagePull', message: expect.stringContaining(said) });
  });

  it('takes the login of the node itself', async () => {
    const authFile = join(directory, 'auth.json');
    writeFileSync(authFile, registry.dockerConfig());
    const puller = pullerFor({ authFile });
    await ready(puller, { logins: async () => [] });
    await ready(puller, { logins: async () => [], policy: 'Never' });
  });

  it.each([
    ['a registry it has no certificate of', { registries: registriesOf({}) }, {}, 'certificate'],
    ['an image that is not there', {}, { image: 'team/none:1' }, '404 MANIFEST_UNKNOWN'],
    [
      'a digest that is not there',
      {},
      { image: `team/app@sha256:${'0'.repeat(64)}` },
      '404 MANIFEST_UNKNOWN',
    ],
  ])(
    'says what is wrong with %s',
    async (_case, options, { image = 'team/app:1' }: { image?: string }, said) => {
      const answer = await outcome(pullerFor(options), { image: `${registry.host}/${image}` });
      expect(answer).toMatchObject({ reason: 'ErrImagePull', message: expect.stringContaining(said) });
    },
  );

  it('reaches no registry over plain HTTP unless told so', async () => {
    const answer = await outcome(pullerFor(), { image: '127.0.0.1:1/team/app:1' });
    expect(answer).toMatchObject({ message: expect.stringContaining('ECONNREFUSED') });
  });

  it('asks mirrors first, and shows them no login of the registry they stand for', async () => {
    const registries = registriesOf({
      mirrors: { 'far.invalid': { endpoint: ['https://127.0.0.1:1', `https://${registry.host}`] } },
      configs: { [registry.host]: { tls: { ca_file: registry.caFile } } },
    });
    const foreign = [{ scope: 'far.invalid', auth: logins[0]?.auth ?? '' }];
    const image = 'far.invalid/team/app:1';
    expect(await outcome(pullerFor({ registries }), { image, logins: async () => foreign })).toMatchObject({
      reason: 'ErrImagePull',
    });
    await ready(pullerFor({ registries }), { image });
  });

  it.each([
    ['other content', (file: string, size: number) => writeFileSync(file, Buffer.alloc(size, 1))],
    ['half of it', (file: string, size: number) => truncateSync(file, size >> 1)],
  ])('refuses a layer with %s, and leaves nothing', async (_case, spoil) => {
    const image = await registry.push(`oci-archive:${archive}`, `team/spoilt-${spoil.length}:1`);
    const raw = join(directory, 'raw');
    await runCommand('skopeo', ['copy', `oci-archive:${archive}`, `dir:${raw}`]);
    const { layers } = JSON.parse(readFileSync(join(raw, 'manifest.json'), 'utf8'));
    const file = registry.blobFile(layers[0].digest);
    const good = readFileSync(file);
    const at = store();
    spoil(file, good.length);
    try {
      const answer = await outcome(pullerFor({ directory: at }), { image });
      expect(answer).toMatchObject({
        reason: 'ErrImagePull',
        message: expect.stringMatching(/corrupt|aborted/),
      });
      expect(await listImages(at)).toEqual([]);
      expect(readdirSync(join(at, 'tmp'))).toEqual([]);
    } finally {
      writeFileSync(file, good);
    }
  });

  it('fetches one digest once, however many want it at once', async () => {
    const puller = pullerFor();
    const owners = ['a', 'b', 'c', 'd', 'e'];
    const answers = await Promise.all(
      owners.map((owner, index) => ready(puller, { owner, image: app(index % 2 ? '1' : 'latest') })),
    );
    expect(new Set(answers.map(({ image }) => image.digest)).size).toBe(1);
  });

  it('backs off 10 s, 20 s, … 5 min, and says so', async () => {
    const clock = new VirtualClock();
    const puller = pullerFor({ clock });
    const request = { image: app('none') };
    const delays: number[] = [];
    for (let turn = 0; turn < 7; turn++) {
      expect(await outcome(puller, request)).toMatchObject({ reason: 'ErrImagePull' });
      await clock.advance(2000);
      const answer = await outcome(puller, request);
      expect(answer).toMatchObject({ reason: 'ImagePullBackOff', message: expect.stringContaining('404') });
      const { retryAtMs } = answer as { retryAtMs: number };
      delays.push((retryAtMs - clock.now() + 2000) / 1000);
      await clock.advance(retryAtMs - clock.now());
    }
    expect(delays).toEqual([10, 20, 40, 80, 160, 300, 300]);
  });
});

describe('an image on the node', () => {
  it('that is private is used by no task that shows no login for it', async () => {
    const puller = pullerFor();
    const none = async (): Promise<Credential[]> => [];
    await ready(puller);
    expect(await outcome(puller, { logins: none, policy: 'Never' })).toMatchObject({
      reason: 'ErrImageNeverPull',
      message: expect.stringContaining('no login'),
    });
    expect(await outcome(puller, { owner: 'other/main', logins: none })).toMatchObject({
      reason: 'ErrImagePull',
      message: expect.stringContaining('401'),
    });
    await ready(puller, { owner: 'third/main', policy: 'Never' });
  });

  it('is asked for again when its policy is Always, or its tag latest', async () => {
    const puller = pullerFor();
    for (const image of [app('1'), app('latest')]) await ready(puller, { image });
    await registry.down();
    try {
      await ready(puller, { image: app('1') });
      for (const request of [{ policy: 'Always' as const }, { image: app('latest') }])
        expect(await outcome(puller, { owner: JSON.stringify(request), ...request })).toMatchObject({
          reason: 'ErrImagePull',
        });
    } finally {
      await registry.start();
    }
  });

  it('that was loaded by hand is run without asking anybody, also as latest', async () => {
    const at = store();
    await loadImage(at, archive, app('latest'));
    await ready(pullerFor({ directory: at, registries: registriesOf({}) }), { image: app('latest') });
  });
});

describe('a disk that is full', () => {
  const mounts: string[] = [];
  afterAll(async () => {
    for (const path of mounts) await tryCommand('umount', [path]);
  });

  it('refuses the pull with a clear reason, and keeps nothing of it', async () => {
    const at = store();
    await runCommand('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', at]);
    mounts.push(at);
    const answer = await outcome(pullerFor({ directory: at }), {});
    expect(answer).toMatchObject({
      reason: 'ErrImagePull',
      message: expect.stringMatching(/needs about .* are free/),
    });
    expect(await listImages(at)).toEqual([]);
    expect(readdirSync(at)).not.toContain('blobs');
  });
});

describe('a task', () => {
  const agent = new LocalAgent();
  beforeAll(async () => {
    const secret = Buffer.from(registry.dockerConfig()).toString('base64');
    await agent.client.create(Secret, {
      metadata: { name: 'login', namespace: 'default' },
      type: 'kubernetes.io/dockerconfigjson',
      data: { '.dockerconfigjson': secret },
    });
    await agent.up({}, { registries: registry.registries });
  });
  afterAll(() => agent.remove());

  it('runs an image its secret may pull, and tells which', async () => {
    await agent.create(
      'pulls',
      { image: app('1'), command: ['sleep', '1000'] },
      { imagePullSecrets: [{ name: 'login' }] },
    );
    const { status } = await agent.running('pulls');
    expect(status.containerStatuses?.[0]?.imageID).toMatch(`${registry.host}/team/app@sha256:`);
    expect(agent.events.map(({ reason }) => reason)).toEqual(expect.arrayContaining(['Pulling', 'Pulled']));
    await agent.delete('pulls');
  });

  it('without one waits with the reason of the registry, and is deleted at once', async () => {
    await agent.create('refused', { image: app('1'), command: ['true'] });
    const waiting = (reason: string) =>
      agent.until('refused', reason, ({ status }) => {
        const found = status.containerStatuses?.[0]?.state.waiting;
        return found?.reason === reason && /401/.test(found.message ?? '');
      });
    await waiting('ErrImagePull');
    await waiting('ImagePullBackOff');
    await agent.delete('refused');
  });
});
