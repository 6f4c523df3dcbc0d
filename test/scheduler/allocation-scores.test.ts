/**
 * Scores of how full a node would be. Rows re-express kube-scheduler 1.20, pkg/scheduler/framework/plugins/
 * noderesources/{least_allocated,balanced_allocation,requested_to_capacity_ratio}_test.go; quotes carry the
 * names of its cases. Different on purpose: a task that asks for nothing counts as nothing (there, as 100m
 * and 200MB), and curves are not rounded to whole numbers between their points.
 */
import { describe, expect, it } from 'vitest';
import { ClassIndex } from '../../scheduler/core/class-index.ts';
import { balancedAllocation } from '../../scheduler/core/plugins/balanced-allocation.ts';
import { leastAllocated } from '../../scheduler/core/plugins/least-allocated.ts';
import {
  onCurve,
  requestedToCapacityRatio,
} from '../../scheduler/core/plugins/requested-to-capacity-ratio.ts';
import type { SlotScorer } from '../../scheduler/core/profile.ts';
import { Profile, pluginSets } from '../../scheduler/core/profile.ts';
import { scheduleTask } from '../../scheduler/core/schedule.ts';
import { schedulingTask } from '../../scheduler/core/scheduling-task.ts';
import { Cell, taskOf } from './cell.ts';

type Amounts = [cpu: number, memory: number];

interface Row {
  name: string;
  ask: Amounts;
  machines: [Amounts, Amounts];
  used?: [Amounts, Amounts];
  least: Amounts;
  balanced?: Amounts;
}

const asks = ([cpu, memory]: Amounts) => ({ requests: { cpu: `${cpu}m`, memory: `${memory}` } });

function scoresOf(
  plugin: SlotScorer,
  {
    ask,
    machines,
    used = [
      [0, 0],
      [0, 0],
    ],
  }: Pick<Row, 'ask' | 'machines' | 'used'>,
): number[] {
  const cell = new Cell(
    Object.fromEntries(
      machines.map(([cpu, memory], index) => [
        `machine${index + 1}`,
        { allocatable: { cpu: `${cpu}m`, memory: `${memory}` } },
      ]),
    ),
  );
  for (const [index, amounts] of used.entries())
    cell.run(`used${index}`, `machine${index + 1}`, asks(amounts));
  const { snapshot } = cell.state;
  const task = schedulingTask(taskOf('t', asks(ask)));
  const state = plugin.preScore(task, snapshot, new Uint8Array(snapshot.size));
  const column = new Float64Array(snapshot.size);
  plugin.score(state, snapshot, column);
  const bySlot = machines.map((_, slot) => plugin.scoreSlot(state, snapshot, slot));
  expect(bySlot).toEqual([...column]);
  return bySlot.map((score) => Math.floor(score + 1e-9));
}

describe('TestNodeResourcesLeastAllocated, TestNodeResourcesBalancedAllocation', () => {
  const rows: Row[] = [
    {
      name: 'nothing scheduled, nothing requested',
      ask: [0, 0],
      machines: [
        [4000, 10_000],
        [4000, 10_000],
      ],
      least: [100, 100],
      balanced: [100, 100],
    },
    {
      name: 'nothing scheduled, resources requested, differently sized machines',
      ask: [3000, 5000],
      machines: [
        [4000, 10_000],
        [6000, 10_000],
      ],
      least: [37, 50],
      balanced: [75, 100],
    },
    {
      name: 'no resources requested, pods scheduled with resources',
      ask: [0, 0],
      machines: [
        [10_000, 20_000],
        [10_000, 20_000],
      ],
      used: [
        [6000, 0],
        [6000, 5000],
      ],
      least: [70, 57],
      balanced: [40, 65],
    },
    {
      name: 'resources requested, pods scheduled with resources',
      ask: [3000, 5000],
      machines: [
        [10_000, 20_000],
        [10_000, 20_000],
      ],
      used: [
        [3000, 0],
        [3000, 5000],
      ],
      least: [57, 45],
      balanced: [65, 90],
    },
    {
      name: 'resources requested, pods scheduled with resources, differently sized machines',
      ask: [3000, 5000],
      machines: [
        [10_000, 20_000],
        [10_000, 50_000],
      ],
      used: [
        [3000, 0],
        [3000, 5000],
      ],
      least: [57, 60],
      balanced: [65, 60],
    },
    {
      name: 'requested resources exceed node capacity',
      ask: [3000, 0],
      machines: [
        [4000, 10_000],
        [4000, 10_000],
      ],
      used: [
        [3000, 0],
        [3000, 5000],
      ],
      least: [50, 25],
      balanced: [0, 0],
    },
    {
      name: 'zero node resources, pods scheduled with resources',
      ask: [0, 0],
      machines: [
        [0, 0],
        [0, 0],
      ],
      used: [
        [3000, 0],
        [3000, 5000],
      ],
      least: [0, 0],
      balanced: [0, 0],
    },
  ];
  it.each(rows)('$name', ({ least, balanced, ...row }) => {
    expect(scoresOf(leastAllocated, row)).toEqual(least);
    if (balanced) expect(scoresOf(balancedAllocation, row)).toEqual(balanced);
  });
});

describe('TestRequestedToCapacityRatio', () => {
  const emptyFirst = requestedToCapacityRatio({
    shape: [
      { utilization: 0, score: 100 },
      { utilization: 100, score: 0 },
    ],
  });
  const machines: Row['machines'] = [
    [4000, 10_000],
    [6000, 10_000],
  ];
  it.each<[string, Pick<Row, 'ask' | 'machines' | 'used'>, Amounts]>([
    [
      'nothing scheduled, nothing requested (default - least requested nodes have priority)',
      { ask: [0, 0], machines },
      [100, 100],
    ],
    [
      'nothing scheduled, resources requested, differently sized machines (default - least requested nodes have priority)',
      { ask: [3000, 5000], machines },
      [38, 50],
    ],
    [
      'no resources requested, pods scheduled with resources (default - least requested nodes have priority)',
      {
        ask: [0, 0],
        machines,
        used: [
          [3000, 5000],
          [3000, 5000],
        ],
      },
      [38, 50],
    ],
  ])('%s', (_name, row, expected) => {
    expect(scoresOf(emptyFirst, row)).toEqual(expected);
  });

  it('TestResourceBinPackingSingleExtended: the fuller of two nodes, of that resource alone', () => {
    const plugin = requestedToCapacityRatio({
      shape: [
        { utilization: 0, score: 0 },
        { utilization: 100, score: 100 },
      ],
      resources: { 'example.com/foo': 1 },
    });
    const foo = (count: number) => ({ 'example.com/foo': `${count}` });
    const cell = new Cell({ machine1: { allocatable: foo(8) }, machine2: { allocatable: foo(4) } });
    const task = schedulingTask(taskOf('t', { requests: foo(2) }));
    const state = plugin.preScore(task, cell.state.snapshot);
    expect([0, 1].map((slot) => plugin.scoreSlot(state, cell.state.snapshot, slot))).toEqual([25, 50]);
  });

  const broken = [
    { utilization: 10, score: 1 },
    { utilization: 90, score: 9 },
  ];
  it.each([
    [-10, 1],
    [0, 1],
    [10, 1],
    [15, 1.5],
    [20, 2],
    [89, 8.9],
    [90, 9],
    [99, 9],
    [110, 9],
  ])('TestBrokenLinearFunction: at %d %d', (at, expected) => {
    expect(onCurve(broken, at)).toBeCloseTo(expected);
  });

  it.each([
    ['no point', []],
    ['a utilization that is not a percentage', [{ utilization: 101, score: 1 }]],
    ['a score out of range', [{ utilization: 1, score: -1 }]],
    ['a score that is no number', [{ utilization: 1, score: Number.NaN }]],
    [
      'points that do not grow',
      [
        { utilization: 50, score: 1 },
        { utilization: 50, score: 2 },
      ],
    ],
  ])('refuses %s', (_name, shape) => {
    expect(() => requestedToCapacityRatio({ shape })).toThrow(expect.objectContaining({ reason: 'Invalid' }));
  });
});

describe('the profile "spread"', () => {
  it('fills nodes evenly, where "pack" fills one after the other; classes and full scan agree', () => {
    const placesOf = (name: string): string[] => {
      const { state } = new Cell({ n1: {}, n2: {}, n3: {} });
      const profile = new Profile(pluginSets.get(name));
      const index = new ClassIndex(profile, state.snapshot);
      return [1, 2, 3, 4].map((number) => {
        const task = schedulingTask(taskOf(`t${number}`, { requests: { cpu: '1', memory: '1Gi' } }));
        const decision = index.schedule(task);
        expect(decision).toEqual(scheduleTask(profile, state.snapshot, task));
        state.assume(task, decision.node ?? '');
        return decision.node ?? '';
      });
    };
    expect(placesOf('spread')).toEqual(['n1', 'n2', 'n3', 'n1']);
    expect(placesOf('pack')).toEqual(['n1', 'n1', 'n1', 'n1']);
  });
});
