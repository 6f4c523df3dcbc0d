/**
 * Spreading over domains. Cases of kube-scheduler 1.20 (pkg/scheduler/framework/plugins/podtopologyspread,
 * filtering_test.go and scoring_test.go), told in our own words.
 */
import { describe, expect, it } from 'vitest';
import type { Task } from '../../api/kinds/resources.ts';
import { feasible } from '../../scheduler/core/plugin.ts';
import { topologySpread } from '../../scheduler/core/plugins/topology-spread.ts';
import { schedulingTask } from '../../scheduler/core/scheduling-task.ts';
import { Cell, type NodeWords, type TaskWords, taskOf } from './cell.ts';

type Constraint = NonNullable<Task['spec']['topologySpreadConstraints']>[number];

const foo = { foo: '' };
const host = 'kubernetes.io/hostname';

function over(topologyKey: string, words: Partial<Constraint> = {}): Constraint {
  return {
    topologyKey,
    maxSkew: 1,
    whenUnsatisfiable: 'DoNotSchedule',
    labelSelector: { matchLabels: foo },
    nodeAffinityPolicy: 'Honor',
    nodeTaintsPolicy: 'Ignore',
    ...words,
  };
}

/** Two zones of two nodes: a, b in zone1; x, y in zone2. */
const zones: Record<string, NodeWords> = {
  'node-a': { labels: { zone: 'zone1' } },
  'node-b': { labels: { zone: 'zone1' } },
  'node-x': { labels: { zone: 'zone2' } },
  'node-y': { labels: { zone: 'zone2' } },
};

/** So many tasks with the label on each node. */
function cellWith(counts: Record<string, number>, nodes = zones, words: TaskWords = { labels: foo }): Cell {
  const cell = new Cell(nodes);
  for (const [node, count] of Object.entries(counts))
    for (let at = 0; at < count; at++) cell.run(`${node}-${at}`, node, words);
  return cell;
}

/** The nodes that the plugin leaves to the task. */
function admitted(cell: Cell, constraints: Constraint[], words: TaskWords = { labels: foo }): string[] {
  const task = schedulingTask(taskOf('asked', { topologySpreadConstraints: constraints, ...words }));
  const { snapshot } = cell.state;
  const column = new Uint8Array(snapshot.size);
  const state = topologySpread.preFilter(task, snapshot);
  if (state) topologySpread.filter(state, snapshot, { column, mark: 1 });
  return snapshot.names.filter((_name, slot) => column[slot] === feasible);
}

describe('one constraint', () => {
  it('nobody is there: every node will do', () => {
    expect(admitted(cellWith({}), [over('zone')])).toHaveLength(4);
  });

  it('zones with 3/2, maxSkew 1: only the second', () => {
    expect(admitted(cellWith({ 'node-a': 2, 'node-b': 1, 'node-y': 2 }), [over('zone')])).toEqual([
      'node-x',
      'node-y',
    ]);
  });

  it('tasks that another selector means count nothing', () => {
    const cell = cellWith({ 'node-a': 2, 'node-b': 1 }, zones, { labels: { bar: '' } });
    expect(admitted(cell, [over('zone')])).toHaveLength(4);
  });

  it('nor do tasks of other namespaces', () => {
    const cell = cellWith({ 'node-a': 2 }, zones, { labels: foo, namespace: 'ns1' });
    expect(admitted(cell, [over('zone')])).toHaveLength(4);
  });

  it('a selector that is absent means nobody', () => {
    const { labelSelector: _none, ...rest } = over('zone');
    expect(admitted(cellWith({ 'node-a': 5 }), [rest])).toHaveLength(4);
  });

  it('hosts with 2/1/0/3, maxSkew 1: only the empty one', () => {
    const cell = cellWith({ 'node-a': 2, 'node-b': 1, 'node-y': 3 });
    expect(admitted(cell, [over(host)])).toEqual(['node-x']);
  });

  it('hosts with 2/1/0/3, maxSkew 2: also the one with 1', () => {
    const cell = cellWith({ 'node-a': 2, 'node-b': 1, 'node-y': 3 });
    expect(admitted(cell, [over(host, { maxSkew: 2 })])).toEqual(['node-b', 'node-x']);
  });

  it('a task that does not count itself may make it as uneven as maxSkew', () => {
    const cell = cellWith({ 'node-a': 2, 'node-b': 1, 'node-y': 3 });
    expect(admitted(cell, [over(host)], { labels: { bar: '' } })).toEqual(['node-b', 'node-x']);
  });

  it('a node without the label will not do', () => {
    const nodes = { ...zones, 'node-b': {} };
    expect(admitted(cellWith({}, nodes), [over('zone')])).toEqual(['node-a', 'node-x', 'node-y']);
  });

  it('tasks on their way out do not count', () => {
    const cell = cellWith({ 'node-a': 1, 'node-b': 1 });
    expect(admitted(cell, [over('zone')])).toEqual(['node-x', 'node-y']);
    cell.state.setEnding('uid-of-node-a-0', true);
    cell.state.setEnding('uid-of-node-b-0', true);
    expect(admitted(cell, [over('zone')])).toHaveLength(4);
  });

  it('domains the task cannot go to are none: hosts with 2/~1~/~0~/3', () => {
    const cell = cellWith({ 'node-a': 2, 'node-b': 1, 'node-y': 3 });
    const affinity = {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: host, operator: 'In' as const, values: ['node-a', 'node-y'] }] },
          ],
        },
      },
    };
    const words = { labels: foo, affinity };
    expect(admitted(cell, [over(host)], words)).toContain('node-a');
    expect(admitted(cell, [over(host)], words)).not.toContain('node-y');
    expect(admitted(cell, [over(host, { nodeAffinityPolicy: 'Ignore' })], words)).toEqual(['node-x']);
  });

  it('tainted nodes are domains, unless the policy honors taints', () => {
    const taints = [{ key: 'gone', effect: 'NoSchedule' as const }];
    const cell = cellWith(
      { 'node-a': 1, 'node-b': 1, 'node-y': 1 },
      { ...zones, 'node-x': { ...zones['node-x'], taints } },
    );
    expect(admitted(cell, [over(host)])).toEqual(['node-x']);
    expect(admitted(cell, [over(host, { nodeTaintsPolicy: 'Honor' })])).toEqual([
      'node-a',
      'node-b',
      'node-x',
      'node-y',
    ]);
  });

  it('fewer domains than minDomains: the fewest is 0', () => {
    const cell = cellWith({ 'node-a': 1, 'node-x': 1 });
    expect(admitted(cell, [over('zone', { minDomains: 2 })])).toHaveLength(4);
    expect(admitted(cell, [over('zone', { minDomains: 3 })])).toEqual([]);
  });

  it('matchLabelKeys: each version is spread for itself', () => {
    const cell = cellWith({ 'node-a': 2 }, zones, { labels: { ...foo, version: '1' } });
    const constraint = over('zone', { matchLabelKeys: ['version'] });
    expect(admitted(cell, [constraint], { labels: { ...foo, version: '2' } })).toHaveLength(4);
    expect(admitted(cell, [constraint], { labels: { ...foo, version: '1' } })).toEqual(['node-x', 'node-y']);
  });
});

describe('several constraints', () => {
  it.each([
    ['[3/3, 2/1/0/3]: zones all, hosts x', { 'node-a': 2, 'node-b': 1, 'node-y': 3 }, ['node-x']],
    ['[3/4, 2/1/0/4]: the zones forbid what the hosts want', { 'node-a': 2, 'node-b': 1, 'node-y': 4 }, []],
    ['[1/2, 1/0/0/2]: both leave b', { 'node-a': 1, 'node-y': 2 }, ['node-b']],
  ])('%s', (_name, counts, expected) => {
    expect(admitted(cellWith(counts), [over('zone'), over(host)])).toEqual(expected);
  });

  it('only nodes with the labels of all of them count', () => {
    const nodes = { ...zones, 'node-y': { labels: { other: 'zone2' } } };
    const cell = cellWith({ 'node-a': 1, 'node-y': 5 }, nodes);
    expect(admitted(cell, [over('zone'), over(host)])).toEqual(['node-x']);
  });
});

describe('soft constraints', () => {
  const soft = (key: string): Constraint => over(key, { whenUnsatisfiable: 'ScheduleAnyway' });

  function scores(cell: Cell, constraints: Constraint[]): Record<string, number> {
    const task = schedulingTask(taskOf('asked', { topologySpreadConstraints: constraints, labels: foo }));
    const { snapshot } = cell.state;
    const column = new Float64Array(snapshot.size);
    const state = topologySpread.preScore(task, snapshot, new Uint8Array(snapshot.size))!;
    topologySpread.score(state, snapshot, column);
    return Object.fromEntries(snapshot.names.map((name, slot) => [name, Math.floor(column[slot]!)]));
  }

  it('nobody is there: 100 for all', () => {
    expect(scores(cellWith({}), [soft(host)])).toEqual({
      'node-a': 100,
      'node-b': 100,
      'node-x': 100,
      'node-y': 100,
    });
  });

  it('hosts with 2/1/0/3: the emptier, the better', () => {
    const cell = cellWith({ 'node-a': 2, 'node-b': 1, 'node-y': 3 });
    expect(scores(cell, [soft(host)])).toEqual({ 'node-a': 33, 'node-b': 66, 'node-x': 100, 'node-y': 0 });
  });

  it('a node without the label scores 0', () => {
    const cell = cellWith({ 'node-a': 1 }, { ...zones, 'node-y': {} });
    expect(scores(cell, [soft('zone')])).toEqual({ 'node-a': 0, 'node-b': 0, 'node-x': 100, 'node-y': 0 });
  });

  it('both zone and host have a say', () => {
    const cell = cellWith({ 'node-a': 2, 'node-b': 1, 'node-x': 1, 'node-y': 1 });
    const { 'node-a': a, 'node-b': b, 'node-x': x } = scores(cell, [soft('zone'), soft(host)]);
    expect(x).toBeGreaterThan(b!);
    expect(b).toBeGreaterThan(a!);
  });
});

describe('a spread task', () => {
  it('that fits nowhere says which constraint and of how many nodes', () => {
    const cell = cellWith({ 'node-a': 2 }, { 'node-a': { labels: { zone: 'zone1' } }, 'node-c': {} });
    expect(cell.answer({ labels: foo, topologySpreadConstraints: [over('zone', { minDomains: 2 })] })).toBe(
      '0/2 nodes are available: 1 over maxSkew 1 of zone, 1 without label zone',
    );
  });

  it('ten of them lie evenly over three zones of unequal size', () => {
    const nodes = Object.fromEntries(
      ['z1', 'z1', 'z1', 'z1', 'z2', 'z2', 'z3'].map((zone, at) => [`n${at}`, { labels: { zone } }]),
    );
    const cell = new Cell(nodes);
    const counts: Record<string, number> = {};
    for (let at = 0; at < 10; at++) {
      const { node = '' } = cell.decide({ labels: foo, topologySpreadConstraints: [over('zone')] });
      cell.run(`t${at}`, node, { labels: foo });
      const zone = nodes[node]?.labels.zone ?? 'none';
      counts[zone] = (counts[zone] ?? 0) + 1;
    }
    expect(Object.values(counts).sort()).toEqual([3, 3, 4]);
  });
});
