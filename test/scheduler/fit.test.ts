/**
 * Resource fit. The tables re-express kube-scheduler 1.20, pkg/scheduler/framework/plugins/noderesources/
 * fit_test.go; each row carries the name of its case. Left out: init containers and overhead, which tasks
 * do not have.
 */
import { describe, expect, it } from 'vitest';
import type { ResourceList } from '../../api/meta/quantity.ts';
import { Cell } from './cell.ts';

type Lack = [resource: string, requested: number, used: number, allocatable: number];

interface FitCase {
  name: string;
  ask: ResourceList[];
  used: ResourceList;
  lacks?: Lack[];
}

const node = {
  cpu: '10m',
  memory: '20',
  pods: '32',
  'ephemeral-storage': '20',
  'example.com/aaa': '5',
  'hugepages.example.com/2mi': '5',
};
const amounts = (cpu: number, memory: number, more: ResourceList = {}): ResourceList => ({
  cpu: `${cpu}m`,
  memory: `${memory}`,
  ...more,
});
const aaa = (count: number): ResourceList => ({ 'example.com/aaa': `${count}` });
const bbb = { 'example.com/bbb': '1' };

function lacksOf(cell: Cell, ask: ResourceList[]): Lack[] {
  const decision = cell.decide({ containers: ask });
  if (decision.node !== undefined) return [];
  return (decision.explanation.closest?.shortages ?? []).map(
    ({ resource, missing, requested, allocatable }) => [
      resource,
      requested,
      allocatable - (requested - missing),
      allocatable,
    ],
  );
}

describe('TestEnoughRequests', () => {
  const cases: FitCase[] = [
    { name: 'no resources requested always fits', ask: [{}], used: amounts(10, 20) },
    {
      name: 'too many resources fails',
      ask: [amounts(1, 1)],
      used: amounts(10, 20),
      lacks: [
        ['cpu', 1, 10, 10],
        ['memory', 1, 20, 20],
      ],
    },
    { name: 'both resources fit', ask: [amounts(1, 1)], used: amounts(5, 5) },
    {
      name: 'one resource memory fits',
      ask: [amounts(2, 1)],
      used: amounts(9, 5),
      lacks: [['cpu', 2, 9, 10]],
    },
    {
      name: 'one resource cpu fits',
      ask: [amounts(1, 2)],
      used: amounts(5, 19),
      lacks: [['memory', 2, 19, 20]],
    },
    { name: 'equal edge case', ask: [amounts(5, 1)], used: amounts(5, 19) },
    { name: 'extended resource fits', ask: [aaa(1)], used: {} },
    {
      name: 'extended resource capacity enforced',
      ask: [amounts(1, 1, aaa(10))],
      used: {},
      lacks: [['example.com/aaa', 10, 0, 5]],
    },
    {
      name: 'extended resource allocatable enforced',
      ask: [amounts(1, 1, aaa(1))],
      used: aaa(5),
      lacks: [['example.com/aaa', 1, 5, 5]],
    },
    {
      name: 'extended resource allocatable enforced for multiple containers',
      ask: [amounts(1, 1, aaa(3)), amounts(1, 1, aaa(3))],
      used: aaa(2),
      lacks: [['example.com/aaa', 6, 2, 5]],
    },
    {
      name: 'extended resource allocatable enforced for unknown resource',
      ask: [amounts(1, 1, bbb)],
      used: {},
      lacks: [['example.com/bbb', 1, 0, 0]],
    },
    {
      name: 'hugepages resource capacity enforced',
      ask: [amounts(1, 1, { 'hugepages.example.com/2mi': '10' })],
      used: {},
      lacks: [['hugepages.example.com/2mi', 10, 0, 5]],
    },
    {
      name: 'requests of zero of an unknown resource fit',
      ask: [amounts(1, 1, { 'example.com/bbb': '0' })],
      used: {},
    },
  ];
  it.each(cases)('$name', ({ ask, used, lacks = [] }) => {
    const cell = new Cell({ n1: { allocatable: node } }).run('there', 'n1', { requests: used });
    expect(lacksOf(cell, ask)).toEqual(lacks);
  });
});

describe('TestNotEnoughRequests', () => {
  const full = { cpu: '10m', memory: '20', pods: '1' };
  const cases: FitCase[] = [
    {
      name: "even without specified resources predicate fails when there's no space for additional pod",
      ask: [{}],
      used: amounts(10, 20),
    },
    {
      name: "even if both resources fit predicate fails when there's no space for additional pod",
      ask: [amounts(1, 1)],
      used: amounts(5, 5),
    },
    {
      name: "even for equal edge case predicate fails when there's no space for additional pod",
      ask: [amounts(5, 1)],
      used: amounts(5, 19),
    },
  ];
  it.each(cases)('$name', ({ ask, used }) => {
    const cell = new Cell({ n1: { allocatable: full } }).run('there', 'n1', { requests: used });
    expect(lacksOf(cell, ask)).toContainEqual(['pods', 1, 1, 1]);
  });
});

describe('TestStorageRequests', () => {
  const storage = (amount: number): ResourceList => ({ 'ephemeral-storage': `${amount}` });
  const cases: FitCase[] = [
    {
      name: 'due to container scratch disk',
      ask: [amounts(1, 1)],
      used: amounts(10, 10),
      lacks: [['cpu', 1, 10, 10]],
    },
    { name: 'pod fit', ask: [amounts(1, 1)], used: amounts(2, 10) },
    {
      name: 'storage ephemeral local storage request exceeds allocatable',
      ask: [storage(25)],
      used: amounts(2, 2),
      lacks: [['ephemeral-storage', 25, 0, 20]],
    },
    { name: 'pod fits', ask: [storage(10)], used: amounts(2, 2) },
  ];
  it.each(cases)('$name', ({ ask, used, lacks = [] }) => {
    const cell = new Cell({ n1: { allocatable: node } }).run('there', 'n1', { requests: used });
    expect(lacksOf(cell, ask)).toEqual(lacks);
  });
});

describe('what a task holds on its node', () => {
  const one = { n1: { allocatable: { cpu: '1', memory: '1Gi', pods: '10' } } };
  const ask = { requests: { cpu: '600m' } };

  it.each(['Pending', 'Running', 'Unknown'] as const)('a task that is %s holds its resources', (phase) => {
    expect(new Cell(one).run('there', 'n1', { ...ask, phase }).decide(ask).node).toBeUndefined();
  });

  it.each(['Succeeded', 'Failed'] as const)('a task that has %s holds nothing', (phase) => {
    const cell = new Cell(one).run('there', 'n1', { ...ask, phase: 'Running' });
    expect(cell.run('there', 'n1', { ...ask, phase }).answer(ask)).toBe('n1');
  });

  it('a node that shrank under its tasks takes no more, and says how much is missing', () => {
    const cell = new Cell({ n1: { allocatable: { cpu: '100m', memory: '1Gi' } } }).run('there', 'n1', ask);
    expect(cell.answer({ requests: { cpu: '50m' } })).toBe(
      '0/1 nodes are available: 1 insufficient cpu; closest n1 needs 50m more cpu',
    );
  });

  it('a node that names no limit of tasks has none', () => {
    const cell = new Cell({ n1: { allocatable: { cpu: '1', memory: '1Gi' } } });
    for (let index = 0; index < 300; index++) cell.run(`t${index}`, 'n1');
    expect(cell.answer()).toBe('n1');
  });
});

describe('node ports', () => {
  it('a port taken on a node keeps other tasks of that port away', () => {
    const cell = new Cell({ n1: {}, n2: {} }).run('there', 'n1', { ports: [{ containerPort: 8080 }] });
    expect(cell.answer({ ports: [{ containerPort: 80, hostPort: 8080 }] })).toBe('n2');
    cell.run('too', 'n2', { ports: [{ containerPort: 8080 }] });
    expect(cell.answer({ ports: [{ containerPort: 8080 }] })).toBe(
      '0/2 nodes are available: 2 port TCP/8080 taken',
    );
  });

  it('the same number over another protocol is another port', () => {
    const cell = new Cell({ n1: {} }).run('there', 'n1', { ports: [{ containerPort: 53, protocol: 'UDP' }] });
    expect(cell.answer({ ports: [{ containerPort: 53 }] })).toBe('n1');
  });

  it('a port is free again when its task is gone', () => {
    const cell = new Cell({ n1: {} }).run('there', 'n1', { ports: [{ containerPort: 8080 }] });
    cell.state.removeTask('uid-of-there');
    expect(cell.answer({ ports: [{ containerPort: 8080 }] })).toBe('n1');
  });
});
