/** Tasks of a job over racks and zones: where the next one goes, and how much of the job one loss takes. */
import { describe, expect, it } from 'vitest';
import { ClassIndex } from '../../scheduler/core/class-index.ts';
import { rankNodes } from '../../scheduler/core/schedule.ts';
import { schedulingTask } from '../../scheduler/core/scheduling-task.ts';
import { rackLabel, zoneLabel } from '../../scheduler/core/topology.ts';
import { Cell, type NodeWords, nodeOf, type TaskWords, taskOf } from './cell.ts';

const at = (zone: string, rack: string): NodeWords => ({ labels: { [zoneLabel]: zone, [rackLabel]: rack } });
/** Two zones of two racks of two nodes. */
const nodes: Record<string, NodeWords> = {
  a11: at('a', 'a1'),
  a12: at('a', 'a1'),
  a21: at('a', 'a2'),
  a22: at('a', 'a2'),
  b11: at('b', 'b1'),
  b12: at('b', 'b1'),
  b21: at('b', 'b2'),
  b22: at('b', 'b2'),
};

function place(cell: Cell, count: number, words: TaskWords): string[] {
  const index = new ClassIndex(cell.profile, cell.state.snapshot);
  return Array.from({ length: count }, (_, number) => {
    const task = schedulingTask(taskOf(`${words.job}-${number}`, words));
    const { node = '' } = index.schedule(task);
    cell.state.assume(task, node);
    return node;
  });
}

function scoresOf(cell: Cell, words: TaskWords): Record<string, number | undefined> {
  const ranked = rankNodes(cell.profile, cell.state.snapshot, schedulingTask(taskOf('next', words)));
  return Object.fromEntries(
    ranked.map(({ node, scores }) => [
      node,
      scores.find(({ plugin }) => plugin === 'DomainSpreading')?.score,
    ]),
  );
}

const web: TaskWords = { job: 'web', requests: { cpu: '100m' } };

describe('tasks of one job', () => {
  it('take other zones first, then other racks, then other nodes, before they share one', () => {
    const placed = place(new Cell(nodes), 8, web);
    expect(new Set(placed.slice(0, 2).map((node) => node[0])).size).toBe(2);
    expect(new Set(placed.slice(0, 4).map((node) => node.slice(0, 2))).size).toBe(4);
    expect(new Set(placed).size).toBe(8);
  });

  const cases: [string, string[], Record<string, number>][] = [
    ['one is there: its rack and zone 0, its zone alone 50', ['a11'], { a11: 0, a12: 0, a21: 50, b11: 100 }],
    [
      'two in one rack, one in the other zone: by how far each is from the most',
      ['a11', 'a12', 'b11'],
      { a11: 0, a21: 50, b11: 50, b21: 75 },
    ],
    ['every rack has one', ['a11', 'a21', 'b11', 'b21'], { a11: 0, a22: 0, b11: 0, b22: 0 }],
  ];

  it.each(cases)('%s', (_name, there, scores) => {
    const cell = new Cell(nodes);
    for (const [number, node] of there.entries())
      cell.state.assume(schedulingTask(taskOf(`there-${number}`, web)), node);
    expect(scoresOf(cell, web)).toMatchObject(scores);
  });

  it('nodes outside all racks are one rack together', () => {
    const cell = new Cell({ a11: at('a', 'a1'), b11: at('b', 'b1'), lone: {}, other: {} });
    cell.state.assume(schedulingTask(taskOf('there', web)), 'lone');
    expect(scoresOf(cell, web)).toEqual({ a11: 100, b11: 100, lone: 0, other: 0 });
  });

  it.each<[string, Record<string, NodeWords>, TaskWords]>([
    ['where no labels tell of domains', { n1: {}, n2: {} }, web],
    ['where all is one zone', { n1: { labels: { [zoneLabel]: 'a' } }, n2: {} }, web],
    ['with a gang, which wants to be together', nodes, { ...web, gang: { minMember: 2 } }],
  ])('nothing is said %s', (_name, cellNodes, words) => {
    const cell = new Cell(cellNodes);
    const [first = ''] = Object.keys(cellNodes);
    cell.state.assume(schedulingTask(taskOf('there', words)), first);
    expect(Object.values(scoresOf(cell, words))).toEqual(Object.keys(cellNodes).map(() => undefined));
  });

  it('a node that moves to another rack takes its tasks along', () => {
    const cell = new Cell(nodes);
    cell.state.assume(schedulingTask(taskOf('there', web)), 'a11');
    expect(scoresOf(cell, web)['b11']).toBe(100);
    cell.state.setNode(nodeOf('a11', at('b', 'b1')));
    expect(scoresOf(cell, web)).toMatchObject({ a12: 100, b12: 0, b21: 50 });
  });
});
