import { mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigMap } from '../../api/kinds/resources.ts';
import { ApiError } from '../../api/meta/api-error.ts';
import { VirtualClock } from '../../api/meta/clock.ts';
import { ConfigSource } from '../../nodeagent/volumes/config-source.ts';
import { projectedFiles, writeProjected } from '../../nodeagent/volumes/projected-files.ts';
import { FakeCluster } from '../client/fake-cluster.ts';

const data = (texts: Record<string, string>) =>
  new Map(Object.entries(texts).map(([key, value]) => [key, Buffer.from(value)]));
const files = (texts: Record<string, string>) => projectedFiles(data(texts), { defaultMode: 0o640 });

describe('projected files', () => {
  let directory = '';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'gantry-projected-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));
  const read = (name: string): Promise<string> => readFile(join(directory, name), 'utf8');
  const names = async (): Promise<string[]> =>
    (await readdir(directory)).filter((name) => !name.startsWith('..')).sort();

  it('are there under their keys, with their mode', async () => {
    await writeProjected(directory, files({ a: '1', 'b.txt': '2' }));
    expect(await names()).toEqual(['a', 'b.txt']);
    expect(await read('b.txt')).toBe('2');
    expect((await stat(join(directory, 'a'))).mode & 0o777).toBe(0o640);
  });

  it('change all at once, by one link, and leave nothing of the old version', async () => {
    await writeProjected(directory, files({ a: '1', gone: '2' }));
    const before = await readlink(join(directory, '..data'));
    await writeProjected(directory, files({ a: '3', fresh: '4' }));
    expect(await readlink(join(directory, '..data'))).not.toBe(before);
    expect(await readlink(join(directory, 'a'))).toBe('..data/a');
    expect([await read('a'), await names()]).toEqual(['3', ['a', 'fresh']]);
    expect((await readdir(directory)).filter((name) => name.startsWith('..'))).toHaveLength(2);
  });

  it('are not touched when nothing changed', async () => {
    await writeProjected(directory, files({ a: '1' }));
    const { ino } = await stat(join(directory, 'a'));
    await writeProjected(directory, files({ a: '1' }));
    expect((await stat(join(directory, 'a'))).ino).toBe(ino);
  });

  it('are whole again after an agent died while writing them', async () => {
    await writeProjected(directory, files({ a: '1' }));
    const version = await readlink(join(directory, '..data'));
    await writeFile(join(directory, '..0000.part'), 'half');
    await rm(join(directory, 'a'));
    await writeProjected(directory, files({ a: '1' }));
    expect(await read('a')).toBe('1');
    expect((await readdir(directory)).sort()).toEqual([version, '..data', 'a'].sort());
  });

  it('go where items say, and only those', async () => {
    const items = [{ key: 'a', path: 'deep/er/file', mode: 0o400 }];
    const projected = projectedFiles(data({ a: '1', b: '2' }), { items, defaultMode: 0o644 });
    await writeProjected(directory, projected);
    expect(await names()).toEqual(['deep']);
    expect(await read('deep/er/file')).toBe('1');
  });

  it('name the key that is not there, unless it is optional', () => {
    const items = [{ key: 'x', path: 'x' }];
    expect(() => projectedFiles(data({}), { items, defaultMode: 0o644 })).toThrow('there is no key "x"');
    expect(projectedFiles(data({}), { items, defaultMode: 0o644, optional: true })).toEqual([]);
  });
});

describe('ConfigSource', () => {
  const key = { namespace: 'default', name: 'c' };

  it('asks once for many within a few seconds, and again after', async () => {
    const clock = new VirtualClock();
    const { client } = new FakeCluster(clock);
    await client.create(ConfigMap, { metadata: key, data: { a: '1' }, binaryData: { b: 'AAE=' } });
    let asked = 0;
    const counting: Pick<typeof client, 'get'> = {
      get: (resource, of) => {
        asked++;
        return client.get(resource, of);
      },
    };
    const source = new ConfigSource(counting, clock);
    const [one] = await Promise.all([source.read('configMap', key), source.read('configMap', key)]);
    expect(one?.get('a')?.toString()).toBe('1');
    expect([...(one?.get('b') ?? [])]).toEqual([0, 1]);
    expect(asked).toBe(1);
    await clock.advance(5000);
    await source.read('configMap', key);
    expect(asked).toBe(2);
    expect(clock.pendingTimers).toBe(0);
  });

  it('tells what is not there from what cannot be known', async () => {
    const clock = new VirtualClock();
    expect(await new ConfigSource(new FakeCluster(clock).client, clock).read('secret', key)).toBeUndefined();
    const away = { get: () => Promise.reject(new ApiError('ServiceUnavailable', 'away')) };
    await expect(new ConfigSource(away, clock).read('secret', key)).rejects.toThrow('away');
  });

  it('does not wait for ever', async () => {
    const clock = new VirtualClock();
    const answer = new ConfigSource({ get: () => new Promise(() => {}) }, clock).read('secret', key);
    const refused = expect(answer).rejects.toThrow(/did not answer/);
    await clock.advance(6000);
    await refused;
  });
});
