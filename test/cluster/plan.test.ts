import { describe, expect, it } from 'vitest';
import { ApiError } from '../../api/meta/api-error.ts';
import { type ClusterRecord, clusterHome } from '../../cluster/cluster-home.ts';
import { partsOf } from '../../cluster/parts.ts';
import { durationMs, planCluster, wholeNumber } from '../../cluster/plan.ts';

const home = clusterHome('dev', { home: '/home/ann', isRoot: false });

function plan(options: object, known?: ClusterRecord): Promise<ClusterRecord> {
  return planCluster({ home, known, options, namespaces: false, driver: 'unconfined', apiServerRuns: false });
}

describe('the plan of a cluster', () => {
  it('has three nodes on the embedded store when nothing is said', async () => {
    const record = await plan({});
    expect(record.nodes.map(({ name }) => name)).toEqual(['n1', 'n2', 'n3']);
    expect(record.store).toBe('embedded:/home/ann/.gantry/dev/store');
    expect(new Set(record.nodes.map(({ port }) => port)).size).toBe(3);
  });

  it('can be a bare control plane', async () => {
    const record = await plan({ nodes: '0' });
    const parts = partsOf(home, record, { node: 'node', dist: '/dist' });
    expect(parts.map(({ name }) => name)).toEqual(['apiserver', 'controllers', 'scheduler']);
  });

  it('has the scheduler tell about itself on a free port of this machine alone, for good', async () => {
    const record = await plan({ nodes: '0' });
    const scheduler = partsOf(home, record, { node: 'node', dist: '/dist' }).at(-1);
    expect(scheduler?.args.slice(-2)).toEqual([
      '--metrics-address',
      `127.0.0.1:${record.schedulerMetricsPort}`,
    ]);
    expect((await plan({}, record)).schedulerMetricsPort).toBe(record.schedulerMetricsPort);
  });

  it('joins three etcd members into one cluster, started before all else', async () => {
    const record = await plan({ etcd: '3', nodes: '0' });
    expect(record.store).toMatch(/^etcd:\/\/127\.0\.0\.1:\d+,127\.0\.0\.1:\d+,127\.0\.0\.1:\d+$/);
    const [first] = partsOf(home, record, { node: 'node', dist: '/dist' });
    expect(first?.name).toBe('etcd-0');
    expect(first?.args.find((flag) => flag.startsWith('--initial-cluster='))?.split(',')).toHaveLength(3);
  });

  it('keeps ports, addresses and store of a cluster that exists', async () => {
    const known = await plan({ etcd: true });
    const again = await plan({ nodes: '4' }, known);
    expect(again.nodes.slice(0, 3)).toEqual(known.nodes);
    expect(again.etcd).toEqual(known.etcd);
    expect(again.store).toBe(known.store);
    expect(again.nodes).toHaveLength(4);
  });

  it('has names on the machine that another home does not share', async () => {
    const other = clusterHome('dev', { home: '/home/bob', isRoot: true });
    const same = clusterHome('dev', { home: '/', gantryHome: '/home/bob/.gantry/', isRoot: true });
    expect(other.machineName).toMatch(/^dev-[0-9a-f]{6}$/);
    expect(other.runDirectory).toBe(`/run/gantry/${other.machineName}`);
    expect(other.machineName).not.toBe(home.machineName);
    expect(same.machineName).toBe(other.machineName);
  });

  it('refuses to move a cluster to another store', async () => {
    const known = await plan({});
    await expect(plan({ store: 'etcd://127.0.0.1:2379' }, known)).rejects.toMatchObject({
      reason: 'Conflict',
    });
  });

  it.each([
    ['--nodes', '-1'],
    ['--nodes', '1.5'],
    ['--nodes', '101'],
    ['--nodes', '0x3'],
  ])('refuses %s %s', (flag, text) => {
    expect(() => wholeNumber(flag, text, 3, 100)).toThrow(ApiError);
  });

  it('reads durations', () => {
    expect(durationMs('--wait', '90s')).toBe(90_000);
    expect(durationMs('--wait', '2m')).toBe(120_000);
    expect(() => durationMs('--wait', 'soon')).toThrow(/--wait "soon" must be a duration/);
  });

  it.each(['..', 'a/b', 'UP', '', 'a-name-that-is-much-too-long'])('refuses the cluster name %j', (name) => {
    expect(() => clusterHome(name, { home: '/home/ann', isRoot: false })).toThrow(ApiError);
  });
});
