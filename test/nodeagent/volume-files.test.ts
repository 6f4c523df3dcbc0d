import { describe, expect, it } from 'vitest';
import { taskReferences } from '../../api/kinds/task-references.ts';
import type { Volume } from '../../api/kinds/task-volumes.ts';
import { validateVolumes } from '../../api/kinds/task-volumes.ts';
import type { NodeFacts } from '../../nodeagent/hooks/hook.ts';
import { holdsSecrets, isWrittenByAgent, volumeFiles } from '../../nodeagent/volumes/volume-files.ts';
import { container, record, task } from '../kit/nodeagent-objects.ts';

const apiAccess = { token: async (_of: unknown, { audience = 'api' }) => `token for ${audience}` };
const node = {
  ...{ name: 'n1', address: '10.0.0.1', memoryBytes: 4 * 1024 ** 3 },
  apiAccess,
} as unknown as NodeFacts;
const resources = { requests: { cpu: '250m' }, limits: { memory: '64Mi' } };
const of = record(
  task({
    metadata: { labels: { b: 'two', a: 'one "quoted"' } },
    spec: { containers: [container({ resources })] },
  }),
);

async function files(volume: object): Promise<Record<string, string>> {
  const written = await volumeFiles({ name: 'v', ...volume } as Volume, {
    node,
    record: of,
    config: async (kind, name, optional) => {
      if (name === 'gone' && !optional) throw new Error(`${kind} "gone" not found`);
      return new Map(name === 'gone' ? [] : [['key', Buffer.from(`${kind} of ${name}`)]]);
    },
  });
  return Object.fromEntries(
    written.map(({ path, mode, content }) => [`${path} ${mode.toString(8)}`, `${content}`]),
  );
}

describe('files that tell a task of itself', () => {
  it('have fields, whole maps as kubelet writes them, and resources in units', async () => {
    const item = (path: string, from: object): object => ({ path, ...from });
    const resource = (resource: string, divisor?: string): object => ({
      resourceFieldRef: { containerName: 'main', resource, ...(divisor ? { divisor } : {}) },
    });
    const items = [
      item('name', { fieldRef: { fieldPath: 'metadata.name' }, mode: 0o600 }),
      item('labels', { fieldRef: { fieldPath: 'metadata.labels' } }),
      item('b', { fieldRef: { fieldPath: "metadata.labels['b']" } }),
      item('cores', resource('requests.cpu')),
      item('millis', resource('requests.cpu', '1m')),
      item('megabytes', resource('limits.memory', '1Mi')),
      item('unlimited', resource('limits.ephemeral-storage')),
    ];
    expect(await files({ downwardAPI: { items, defaultMode: 0o644 } })).toEqual({
      'name 600': 'web-0-0',
      'labels 644': 'a="one \\"quoted\\""\nb="two"',
      'b 644': 'two',
      'cores 644': '1',
      'millis 644': '250',
      'megabytes 644': '64',
      'unlimited 644': '0',
    });
  });

  it('know the account, and the address of a task with a network of its own', async () => {
    const fields = ['spec.serviceAccountName', 'status.hostIP', 'status.podIP', 'metadata.uid'];
    const items = fields.map((fieldPath) => ({ path: fieldPath, fieldRef: { fieldPath } }));
    const own = { ...record(task({ spec: { serviceAccountName: 'robot' } })), address: '10.88.0.2' };
    const volume = { name: 'v', downwardAPI: { items, defaultMode: 0o644 } } as Volume;
    const written = await volumeFiles(volume, { node, record: own, config: async () => new Map() });
    expect(written.map(({ content }) => `${content}`)).toEqual(['robot', '10.0.0.1', '10.88.0.2', own.uid]);
    expect(validateVolumes([volume], 'spec.volumes')).toEqual([]);
  });

  it('a limit that is not set is what the node has', async () => {
    const bare = record(task());
    const items = [
      {
        path: 'memory',
        resourceFieldRef: { containerName: 'main', resource: 'limits.memory', divisor: '1Gi' },
      },
    ];
    const volume = { name: 'v', downwardAPI: { items, defaultMode: 0o644 } } as Volume;
    const [file] = await volumeFiles(volume, { node, record: bare, config: async () => new Map() });
    expect(`${file?.content}`).toBe('4');
  });
});

describe('a projected volume', () => {
  const projected = (...sources: object[]): object => ({ projected: { sources, defaultMode: 0o444 } });

  it('has the files of all its sources; the last one at a path wins', async () => {
    const volume = projected(
      { configMap: { name: 'c' } },
      { secret: { name: 's', items: [{ key: 'key', path: 'deep/er', mode: 0o400 }] } },
      { downwardAPI: { items: [{ path: 'key', fieldRef: { fieldPath: 'spec.nodeName' } }] } },
    );
    expect(await files(volume)).toEqual({ 'key 444': 'n1', 'deep/er 400': 'secret of s' });
    expect(holdsSecrets(volume as Volume)).toBe(true);
    expect(isWrittenByAgent(volume as Volume)).toBe(true);
  });

  it('has tokens, in memory only', async () => {
    const volume = projected(
      { serviceAccountToken: { path: 'token', expirationSeconds: 600 } },
      { serviceAccountToken: { path: 'vault', audience: 'vault', expirationSeconds: 600 } },
    );
    expect(await files(volume)).toEqual({ 'token 444': 'token for api', 'vault 444': 'token for vault' });
    expect(holdsSecrets(volume as Volume)).toBe(true);
  });

  it('says what is missing, unless it may be', async () => {
    await expect(files(projected({ configMap: { name: 'gone' } }))).rejects.toThrow('not found');
    expect(await files(projected({ configMap: { name: 'gone', optional: true } }))).toEqual({});
  });

  it('is read by the node of its task, and by no other name', () => {
    const volumes = [{ name: 'v', ...projected({ configMap: { name: 'c' } }, { secret: { name: 's' } }) }];
    const { configMaps, secrets } = taskReferences({ containers: [], volumes: volumes as Volume[] });
    expect([[...configMaps], [...secrets]]).toEqual([['c'], ['s']]);
  });

  it.each([
    ['a source of two kinds', projected({ configMap: { name: 'c' }, secret: { name: 's' } }), 'sources[0]'],
    [
      'a path that climbs',
      projected({ downwardAPI: { items: [{ path: '../x', fieldRef: { fieldPath: 'metadata.name' } }] } }),
      'items[0].path',
    ],
    [
      'a field of nobody',
      { downwardAPI: { items: [{ path: 'x', fieldRef: { fieldPath: 'spec.x' } }] } },
      'fieldPath',
    ],
    ['a file of nothing', { downwardAPI: { items: [{ path: 'x' }] } }, 'items[0]'],
    [
      'a resource of no container',
      { downwardAPI: { items: [{ path: 'x', resourceFieldRef: { resource: 'limits.cpu' } }] } },
      'containerName',
    ],
  ])('with %s is refused', (_case, volume, field) => {
    const causes = validateVolumes([{ name: 'v', ...volume } as Volume], 'spec.volumes');
    expect(causes.map((cause) => cause.field)).toEqual([expect.stringContaining(field)]);
  });
});
