import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../api/meta/clock.ts';
import { Discovery } from '../../cli/discovery.ts';
import { parseNamedTargets, parseTargets } from '../../cli/target.ts';
import type { Client } from '../../client/client.ts';
import { type TestCluster, testCluster } from '../kit/cluster.ts';

let cluster: TestCluster;
let directory: string;
beforeAll(async () => {
  cluster = await testCluster();
});
afterAll(() => cluster.stop());
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-discovery-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** One process after another on the same cache; `asked` counts the requests of all. */
function processes() {
  const clock = new VirtualClock();
  const file = join(directory, 'host', 'discovery.json');
  let asked = 0;
  const client = new Proxy<Client>(cluster.client, {
    get: (target, name: keyof Client) => {
      if (name === 'raw') asked++;
      return target[name].bind(target);
    },
  });
  return { clock, file, next: () => new Discovery(client, clock, file), asked: () => asked };
}

describe('discovery', () => {
  it('is asked once, then read from the file for ten minutes', async () => {
    const { clock, next, asked } = processes();
    expect((await next().one('gj')).plural).toBe('jobs');
    expect(asked()).toBe(2);
    await next().one('tasks');
    expect(asked()).toBe(2);
    await clock.advance(600_000);
    await next().one('tasks');
    expect(asked()).toBe(4);
  });

  it('is asked again before a word is called unknown, but only once', async () => {
    const { next, asked } = processes();
    await next().all();
    const discovery = next();
    await expect(discovery.one('jbos')).rejects.toThrow('did you mean "jobs"');
    await expect(discovery.ofKind('gantry.dev/v9', 'Job')).rejects.toThrow('gantry.dev/v1');
    expect(asked()).toBe(4);
  });

  it.each(['', '{', '{"fetchedAtMs":99999999999999,"resources":[]}'])(
    'a cache that says %j is as good as none',
    async (text) => {
      const { file, next } = processes();
      await next().all();
      writeFileSync(file, text);
      expect((await next().one('jobs')).kind).toBe('Job');
      expect(JSON.parse(readFileSync(file, 'utf8')).resources.length).toBeGreaterThan(5);
    },
  );

  it('a cache that cannot be written does no harm', async () => {
    const discovery = new Discovery(cluster.client, new VirtualClock(), '/dev/null/discovery.json');
    expect((await discovery.one('no')).plural).toBe('nodes');
  });
});

describe('targets', () => {
  const parse = async (...args: string[]) => {
    const targets = await parseTargets(args, new Discovery(cluster.client, new VirtualClock()));
    return targets.map(({ resource, names }) => [resource.plural, ...names].join(' '));
  };

  it.each([
    [['jobs'], ['jobs']],
    [['jobs,gt,nodes'], ['jobs', 'tasks', 'nodes']],
    [['job', 'a', 'b'], ['jobs a b']],
    [
      ['job/a', 'gj/b', 'task/c'],
      ['jobs a b', 'tasks c'],
    ],
    [['all'], ['services', 'jobs', 'tasks']],
    [['jobs,gj'], ['jobs']],
  ])('%j means %j', async (args, wanted) => {
    expect(await parse(...args)).toEqual(wanted);
  });

  it.each([
    [[], /say which resources/],
    [['job/a', 'b'], /not both/],
    [['job', 'a/b'], /may not contain "\/"/],
    [['job/..'], /may not be/],
    [['job/'], /is empty/],
    [['nope/a'], /no resource type "nope"/],
  ])('%j is refused', async (args, message) => {
    await expect(parse(...args)).rejects.toThrow(message);
  });

  it('some commands need names', async () => {
    const discovery = new Discovery(cluster.client, new VirtualClock());
    await expect(parseNamedTargets(['jobs'], discovery)).rejects.toThrow('a name is missing');
  });
});
