import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CgroupsV1, settingsV1 } from '../../nodeagent/cgroup/cgroups-v1.ts';
import { CgroupsV2, cpuWeight, settingsV2 } from '../../nodeagent/cgroup/cgroups-v2.ts';
import type { CreateGroup } from '../../nodeagent/cgroup/group-tools.ts';

const limits = { cpuMilli: 300, cpuShares: 1024, memoryBytes: 1048576, pids: 16 };
const path = '/gantry/c/n1/uid';
let root = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'gantry-cgroups-'));
});
afterEach(() => rmSync(root, { recursive: true }));

/** Makes directories where the real tools would. */
const createIn =
  (directoryOf: (controller: string) => string): CreateGroup =>
  async (controllers, group) => {
    for (const controller of controllers)
      mkdirSync(join(directoryOf(controller), group), { recursive: true });
  };

function fill(files: Record<string, string>): void {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
}

describe('control groups, version 1', () => {
  const controllerOf = (controller: string): string => join(root, controller);

  it('writes period and quota, shares, memory and pids', () => {
    expect(settingsV1(limits)).toEqual([
      ['cpu.shares', '1024'],
      ['cpu.cfs_period_us', '100000'],
      ['cpu.cfs_quota_us', '30000'],
      ['memory.limit_in_bytes', '1048576'],
      ['pids.max', '16'],
    ]);
    expect(settingsV1({ cpuShares: 2, pids: 1 })).toEqual([
      ['cpu.shares', '2'],
      ['pids.max', '1'],
    ]);
  });

  it('makes the group in every controller and sets its limits', async () => {
    const cgroups = new CgroupsV1(root, createIn(controllerOf));
    await cgroups.create(dirname(path));
    await cgroups.createBelow(path);
    await cgroups.limit(path, limits);
    expect(readFileSync(join(root, 'cpu', path, 'cpu.cfs_quota_us'), 'utf8')).toBe('30000');
    expect(readFileSync(join(root, 'pids', path, 'pids.max'), 'utf8')).toBe('16');
  });

  it('moves a group to other cores, and reads which it has', async () => {
    const cgroups = new CgroupsV1(root, createIn(controllerOf));
    fill({ [`cpuset${path}/cpuset.cpus`]: '0-3\n' });
    expect([cgroups.cpus(path), cgroups.cpus('/none')]).toEqual(['0-3', undefined]);
    await cgroups.setCpus(path, '2');
    expect(cgroups.cpus(path)).toBe('2');
  });

  it('reads usage from the files of its controllers', async () => {
    fill({
      [`cpuacct${path}/cpuacct.usage`]: '5000\n',
      [`cpu${path}/cpu.stat`]: 'nr_periods 3\nnr_throttled 2\nthrottled_time 7\n',
      [`memory${path}/memory.usage_in_bytes`]: '4096\n',
      [`memory${path}/memory.stat`]: 'cache 1\ntotal_rss 900\ntotal_inactive_file 96\n',
      [`memory${path}/memory.oom_control`]: 'oom_kill_disable 0\nunder_oom 0\noom_kill 1\n',
      [`pids${path}/pids.current`]: '3\n',
    });
    expect(new CgroupsV1(root).usage(path)).toEqual({
      cpuNanos: 5000,
      throttledPeriods: 2,
      memoryBytes: 4096,
      workingSetBytes: 4000,
      rssBytes: 900,
      pids: 3,
      oomKills: 1,
    });
  });

  it('removes the group from every hierarchy, also from those it was not made in', async () => {
    for (const hierarchy of ['cpu', 'systemd', 'unified'])
      mkdirSync(join(root, hierarchy, path, 'child'), { recursive: true });
    mkdirSync(join(root, 'memory'), { recursive: true });
    await new CgroupsV1(root).remove(path);
    for (const hierarchy of ['cpu', 'systemd', 'unified'])
      expect(() => readFileSync(join(root, hierarchy, path))).toThrow(/ENOENT/);
    expect(() => readFileSync(join(root, 'cpu', '/gantry/c/n1'))).toThrow(/EISDIR/);
  });
});

describe('control groups, version 2', () => {
  it('moves a group to other cores, and reads which it has in effect', async () => {
    const cgroups = new CgroupsV2(root);
    fill({ [`${path}/cpuset.cpus`]: '\n', [`${path}/cpuset.cpus.effective`]: '0-3\n' });
    expect([cgroups.cpus(path), cgroups.cpus('/none')]).toEqual(['0-3', undefined]);
    await cgroups.setCpus(path, '2');
    expect(readFileSync(join(root, path, 'cpuset.cpus'), 'utf8')).toBe('2');
  });

  it('writes max, weight, memory without swap, and pids', () => {
    expect(settingsV2(limits)).toEqual([
      ['cpu.weight', '39'],
      ['cpu.max', '30000 100000'],
      ['memory.max', '1048576'],
      ['memory.swap.max', '0'],
      ['pids.max', '16'],
    ]);
  });

  it.each([
    [2, 1],
    [1024, 39],
    [262144, 10000],
  ])('turns %i shares into a weight of %i', (shares, weight) => {
    expect(cpuWeight(shares)).toBe(weight);
  });

  it('makes, limits and removes the group in its one tree', async () => {
    const cgroups = new CgroupsV2(
      root,
      createIn(() => root),
    );
    await cgroups.create(dirname(path));
    await cgroups.createBelow(path);
    await cgroups.limit(path, limits);
    expect(readFileSync(join(root, dirname(path), 'cgroup.subtree_control'), 'utf8')).toBe(
      '+cpu +memory +pids',
    );
    expect(readFileSync(join(root, path, 'cpu.max'), 'utf8')).toBe('30000 100000');
    for (const [file] of settingsV2(limits)) rmSync(join(root, path, file));
    await cgroups.remove(path);
    expect(() => readFileSync(join(root, path))).toThrow(/ENOENT/);
  });

  it('reads usage from the files of its one tree', async () => {
    fill({
      [`${path}/cpu.stat`]: 'usage_usec 5\nnr_throttled 2\n',
      [`${path}/memory.current`]: '4096\n',
      [`${path}/memory.stat`]: 'anon 900\ninactive_file 96\n',
      [`${path}/memory.events`]: 'low 0\noom 1\noom_kill 1\n',
      [`${path}/pids.current`]: '3\n',
    });
    expect(new CgroupsV2(root).usage(path)).toEqual({
      cpuNanos: 5000,
      throttledPeriods: 2,
      memoryBytes: 4096,
      workingSetBytes: 4000,
      rssBytes: 900,
      pids: 3,
      oomKills: 1,
    });
  });
});
