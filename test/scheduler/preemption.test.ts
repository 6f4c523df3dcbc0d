/**
 * Whom a task displaces. The tables re-express kube-scheduler 1.20, pkg/scheduler/framework/plugins/
 * defaultpreemption/default_preemption_test.go; each row carries the name of its case.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../api/meta/clock.ts';
import { candidateOn, victimLimit } from '../../scheduler/core/preemption.ts';
import { PreemptionIndex } from '../../scheduler/core/preemption-index.ts';
import { schedulingTask } from '../../scheduler/core/scheduling-task.ts';
import { Decider } from '../../scheduler/decider.ts';
import { SchedulingQueue } from '../../scheduler/queue.ts';
import { Cell, taskOf } from './cell.ts';

/** The fixtures of the original: node capacity is 5 × largeRes, small is 1/5 of veryLarge. */
const small = 100;
const medium = 200;
const large = 300;
const veryLarge = 500;
const priorities = { neg: -100, low: 0, mid: 100, high: 1000, veryHigh: 10_000 };
type Level = keyof typeof priorities;

/** name, cpu in milli, priority, node, second of its start */
type Runs = [name: string, cpu: number, level: Level, node: string, startedAt?: number];

interface Case {
  name: string;
  nodes: string[];
  preemptor: [cpu: number, level: Level];
  running: Runs[];
}

function cellOf({ nodes, running }: Pick<Case, 'nodes' | 'running'>): Cell {
  const allocatable = { cpu: `${veryLarge}m`, memory: `${veryLarge}`, pods: '32' };
  const cell = new Cell(Object.fromEntries(nodes.map((name) => [name, { allocatable }])));
  for (const [name, cpu, level, node, startedAt = 0] of running)
    cell.run(name, node, {
      ...asks(cpu, level),
      created: `2030-01-01T00:00:${String(startedAt).padStart(2, '0')}Z`,
    });
  return cell;
}

const asks = (cpu: number, level: Level) => ({
  requests: { cpu: `${cpu}m`, memory: `${cpu}` },
  priority: priorities[level],
});
const preemptorOf = ([cpu, level]: Case['preemptor']) => schedulingTask(taskOf('p', asks(cpu, level)));
const namesOf = (victims: readonly { key: string }[]): string[] =>
  victims.map(({ key }) => key.replace('default/', '')).sort();

describe('TestDryRunPreemption', () => {
  const cases: (Case & { expected: Record<string, string[]> })[] = [
    {
      name: 'a pod that fits on one node with no preemption',
      nodes: ['node1', 'node2'],
      preemptor: [large, 'high'],
      running: [['p1', veryLarge, 'mid', 'node1']],
      expected: { node1: ['p1'], node2: [] },
    },
    {
      name: 'a pod that fits on both nodes when lower priority pods are preempted',
      nodes: ['node1', 'node2'],
      preemptor: [large, 'high'],
      running: [
        ['p1', large, 'mid', 'node1'],
        ['p2', large, 'mid', 'node2'],
      ],
      expected: { node1: ['p1'], node2: ['p2'] },
    },
    {
      name: 'a pod that would fit on the nodes, but other pods running are higher priority, no preemption would happen',
      nodes: ['node1', 'node2'],
      preemptor: [large, 'low'],
      running: [
        ['p1', large, 'mid', 'node1'],
        ['p2', large, 'mid', 'node2'],
      ],
      expected: {},
    },
    {
      name: 'medium priority pod is preempted, but lower priority one stays as it is small',
      nodes: ['node1', 'node2'],
      preemptor: [large, 'high'],
      running: [
        ['p1.1', small, 'low', 'node1'],
        ['p1.2', large, 'mid', 'node1'],
        ['p2', large, 'mid', 'node2'],
      ],
      expected: { node1: ['p1.2'], node2: ['p2'] },
    },
    {
      name: 'mixed priority pods are preempted',
      nodes: ['node1', 'node2'],
      preemptor: [large, 'high'],
      running: [
        ['p1.1', small, 'mid', 'node1'],
        ['p1.2', small, 'low', 'node1'],
        ['p1.3', medium, 'mid', 'node1'],
        ['p1.4', small, 'high', 'node1'],
        ['p2', veryLarge, 'veryHigh', 'node2'],
      ],
      expected: { node1: ['p1.2', 'p1.3'] },
    },
    {
      name: 'mixed priority pods are preempted, pick later StartTime one when priorities are equal',
      nodes: ['node1', 'node2'],
      preemptor: [large, 'high'],
      running: [
        ['p1.1', small, 'low', 'node1', 7],
        ['p1.2', small, 'low', 'node1', 5],
        ['p1.3', medium, 'mid', 'node1', 4],
        ['p1.4', small, 'high', 'node1', 3],
        ['p2', veryLarge, 'veryHigh', 'node2', 2],
      ],
      expected: { node1: ['p1.1', 'p1.3'] },
    },
  ];
  it.each(cases)('$name', ({ nodes, preemptor, running, expected }) => {
    const { state } = cellOf({ nodes, running });
    const found = nodes.flatMap((name, slot): [string, string[]][] => {
      const candidate = candidateOn(preemptorOf(preemptor), slot, state);
      return candidate ? [[name, namesOf(candidate.victims)]] : [];
    });
    expect(Object.fromEntries(found)).toEqual(expected);
  });
});

describe('TestSelectBestCandidate', () => {
  const cases: (Case & { expected: string })[] = [
    {
      name: 'a pod that fits on both nodes when lower priority pods are preempted',
      nodes: ['node1', 'node2'],
      preemptor: [large, 'high'],
      running: [
        ['p1', large, 'mid', 'node1'],
        ['p2', large, 'mid', 'node2'],
      ],
      expected: 'node1',
    },
    {
      name: 'node with min highest priority pod is picked',
      nodes: ['node1', 'node2', 'node3'],
      preemptor: [veryLarge, 'high'],
      running: [
        ['p1.1', medium, 'mid', 'node1'],
        ['p1.2', medium, 'low', 'node1'],
        ['p2.1', large, 'mid', 'node2'],
        ['p2.2', small, 'mid', 'node2'],
        ['p3.1', medium, 'low', 'node3'],
        ['p3.2', medium, 'low', 'node3'],
      ],
      expected: 'node3',
    },
    {
      name: 'when highest priorities are the same, minimum sum of priorities is picked',
      nodes: ['node1', 'node2', 'node3'],
      preemptor: [veryLarge, 'high'],
      running: [
        ['p1.1', medium, 'mid', 'node1'],
        ['p1.2', medium, 'mid', 'node1'],
        ['p2.1', large, 'mid', 'node2'],
        ['p2.2', small, 'low', 'node2'],
        ['p3.1', medium, 'mid', 'node3'],
        ['p3.2', medium, 'mid', 'node3'],
      ],
      expected: 'node2',
    },
    {
      name: 'when highest priority and sum are the same, minimum number of pods is picked',
      nodes: ['node1', 'node2', 'node3'],
      preemptor: [veryLarge, 'high'],
      running: [
        ['p1.1', small, 'mid', 'node1'],
        ['p1.2', small, 'neg', 'node1'],
        ['p1.3', small, 'mid', 'node1'],
        ['p1.4', small, 'neg', 'node1'],
        ['p2.1', medium, 'mid', 'node2'],
        ['p2.2', large, 'neg', 'node2'],
        ['p3.1', medium, 'mid', 'node3'],
        ['p3.2', small, 'neg', 'node3'],
        ['p3.3', small, 'low', 'node3'],
      ],
      expected: 'node2',
    },
    {
      name: 'pick latest start when all previous are the same',
      nodes: ['node1', 'node2', 'node3'],
      preemptor: [veryLarge, 'high'],
      running: [
        ['p1.1', medium, 'mid', 'node1', 3],
        ['p1.2', medium, 'mid', 'node1', 3],
        ['p2.1', medium, 'mid', 'node2', 4],
        ['p2.2', medium, 'mid', 'node2', 4],
        ['p3.1', medium, 'mid', 'node3', 2],
        ['p3.2', medium, 'mid', 'node3', 2],
      ],
      expected: 'node2',
    },
  ];
  it.each(cases)('$name', ({ nodes, preemptor, running, expected }) => {
    const cell = cellOf({ nodes, running });
    expect(new PreemptionIndex(cell.profile, cell.state).find(preemptorOf(preemptor))?.node).toBe(expected);
  });
});

describe('bands', () => {
  it.each([
    ['monitoring displaces production', 300_000, 200_000, true],
    ['production displaces batch', 200_000, 100_000, true],
    ['batch displaces best-effort', 100_000, 0, true],
    ['production never displaces production', 299_999, 200_000, false],
    ['batch displaces lesser batch', 150_000, 100_000, true],
    ['nobody displaces equals', 100_000, 100_000, false],
    ['best-effort displaces nobody', 0, 0, false],
  ])('%s', (_name, priority, other, expected) => {
    expect(other < victimLimit(priority)).toBe(expected);
  });
});

describe('what a preemption takes into account', () => {
  const full = { allocatable: { cpu: '2', memory: '4Gi', pods: '10' } };
  const cpu = (amount: string, priority = 0) => ({ requests: { cpu: amount }, priority });
  const find = (cell: Cell, words: Parameters<typeof taskOf>[1]) => {
    const found = new PreemptionIndex(cell.profile, cell.state).find(schedulingTask(taskOf('p', words)));
    return found && [found.node, ...namesOf(found.victims)];
  };

  it('a node the task may not go to whoever leaves is no candidate', () => {
    const cell = new Cell({ n1: { ...full, cordoned: true }, n2: { ...full, labels: { zone: 'b' } } })
      .run('a', 'n1', cpu('2'))
      .run('b', 'n2', cpu('2'));
    expect(find(cell, cpu('1', 100_000))).toEqual(['n2', 'b']);
    expect(find(cell, { ...cpu('1', 100_000), nodeSelector: { zone: 'a' } })).toBeUndefined();
  });

  it('a port is taken back from its holder, and from nobody else', () => {
    const port = { ports: [{ containerPort: 8080 }] };
    const cell = new Cell({ n1: full }).run('web', 'n1', { ...cpu('1'), ...port }).run('job', 'n1', cpu('1'));
    expect(find(cell, { ...cpu('1', 100_000), ...port })).toEqual(['n1', 'web']);
    cell
      .run('web', 'n1', { ...cpu('1'), ...port, phase: 'Failed' })
      .run('proxy', 'n1', { ...cpu('1', 200_000), ...port });
    expect(find(cell, { ...cpu('1', 100_000), ...port })).toBeUndefined();
  });

  it('room that tasks on their way out will leave costs nobody', () => {
    const cell = new Cell({ n1: full, n2: full }).run('a', 'n1', cpu('2')).run('b', 'n2', cpu('2'));
    cell.state.setEnding('uid-of-b', true);
    expect(find(cell, cpu('1', 100_000))).toEqual(['n2']);
  });

  it('room kept for one preemptor is not given to the next of its priority', () => {
    const cell = new Cell({ n1: full, n2: full }).run('a', 'n1', cpu('2')).run('b', 'n2', cpu('2'));
    const first = schedulingTask(taskOf('first', cpu('2', 100_000)));
    cell.state.keepRoom({ node: 'n1', task: first, awaited: ['uid-of-a'] });
    expect(find(cell, cpu('2', 100_000))).toEqual(['n2', 'b']);
    expect(cell.answer(cpu('1'))).toContain('insufficient cpu');
    cell.state.keepRoom({
      node: 'n2',
      task: schedulingTask(taskOf('second', cpu('2', 100_000))),
      awaited: ['uid-of-b'],
    });
    expect(find(cell, cpu('2', 100_000))).toBeUndefined();
    expect(find(cell, cpu('2', 200_000))).toEqual(['n1', 'first']);
  });

  it('a room that is ready but not yet taken goes to a task of higher priority, at once', () => {
    const cell = new Cell({ n1: full });
    const queue: SchedulingQueue = new SchedulingQueue({
      clock: new VirtualClock(),
      sort: cell.profile.queueSort,
      hint: () => false,
    });
    const { profile, state } = cell;
    state.keepRoom({ node: 'n1', task: schedulingTask(taskOf('first', cpu('2', 100_000))), awaited: [] });
    const decider = new Decider({ profile, state, queue, mayPreempt: () => true });
    queue.add(schedulingTask(taskOf('urgent', cpu('2', 200_000))));
    expect(decider.decideBatch(1).displacements.map(({ preemption }) => namesOf(preemption.victims))).toEqual(
      [['first']],
    );
    expect(decider.decideBatch(1).placed.map(({ queued, node }) => [queued.task.key, node])).toEqual([
      ['default/urgent', 'n1'],
    ]);
  });

  it('remembered candidates are those of a new look, whatever happened since', () => {
    const anyRun = fc.record({
      name: fc.nat(20),
      node: fc.nat(4),
      cpu: fc.constantFrom('500m', '1', '2'),
      priority: fc.constantFrom(0, 50, 100_000, 200_000),
      over: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(anyRun, { minLength: 10, maxLength: 60 }), (runs) => {
        const cell = new Cell(Object.fromEntries([0, 1, 2, 3, 4].map((name) => [`n${name}`, full])));
        const index = new PreemptionIndex(cell.profile, cell.state);
        const task = schedulingTask(taskOf('p', cpu('2', 200_000)));
        for (const { name, node, over, ...words } of runs) {
          const { uid } = schedulingTask(taskOf(`t${name}`));
          if (over) cell.state.removeTask(uid);
          else cell.run(`t${name}`, `n${node}`, cpu(words.cpu, words.priority));
          const found = index.find(task);
          expect(found).toEqual(new PreemptionIndex(cell.profile, cell.state).find(task));
          for (const { priority } of found?.victims ?? []) expect(priority).toBeLessThan(200_000);
        }
      }),
      { numRuns: 60 },
    );
  });
});
