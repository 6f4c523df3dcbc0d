/**
 * Scores, ties and the table they are read from. Rows in quotes are kube-scheduler 1.20,
 * pkg/scheduler/framework/plugins/noderesources/most_allocated_test.go (the mirror of least_allocated_test.go).
 */
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../api/meta/clock.ts';
import { DecisionHash } from '../../scheduler/core/decision-hash.ts';
import { NodeTable } from '../../scheduler/core/node-table.ts';
import { defaultPlugins, Profile } from '../../scheduler/core/profile.ts';
import { scheduleTask } from '../../scheduler/core/schedule.ts';
import { schedulingTask } from '../../scheduler/core/scheduling-task.ts';
import { Decider } from '../../scheduler/decider.ts';
import { SchedulingQueue } from '../../scheduler/queue.ts';
import { Cell, nodeOf, taskOf } from './cell.ts';

const sized = (cpu: number, memory: number) => ({ allocatable: { cpu: `${cpu}m`, memory: `${memory}` } });
const asks = (cpu: number, memory: number) => ({ requests: { cpu: `${cpu}m`, memory: `${memory}` } });

describe('best fit', () => {
  it('"nothing scheduled, resources requested, differently sized machines": 62 beats 50', () => {
    const cell = new Cell({ machine1: sized(4000, 10_000), machine2: sized(6000, 10_000) });
    expect(cell.decide(asks(3000, 5000))).toMatchObject({ node: 'machine1', score: 62 });
  });

  it('"no resources requested, pods scheduled with resources": the fuller machine', () => {
    const cell = new Cell({ machine1: sized(10_000, 20_000), machine2: sized(10_000, 20_000) })
      .run('a', 'machine1', asks(6000, 0))
      .run('b', 'machine2', asks(6000, 5000));
    expect(cell.decide()).toMatchObject({ node: 'machine2', score: 42 });
  });

  it('an extended resource counts where it is asked for', () => {
    const gpus = (count: number) => ({
      allocatable: { cpu: '8', memory: '8Gi', 'example.com/gpu': `${count}` },
    });
    const cell = new Cell({ n1: gpus(8), n2: gpus(2) });
    expect(cell.answer({ requests: { cpu: '1', 'example.com/gpu': '2' } })).toBe('n2');
  });
});

describe('ties', () => {
  it('between equal rounded scores the tighter fit wins', () => {
    const cell = new Cell({ n1: sized(10_000, 10_000), n2: sized(9_990, 10_000) });
    expect(cell.decide(asks(1000, 1000))).toMatchObject({ node: 'n2', score: 10 });
  });

  it('between equal fits the lesser name wins, whatever the order the nodes came in', () => {
    for (const order of [
      ['n1', 'n2', 'n10'],
      ['n10', 'n2', 'n1'],
      ['n2', 'n10', 'n1'],
    ])
      expect(new Cell(Object.fromEntries(order.map((name) => [name, {}]))).answer()).toBe('n1');
  });

  it('a decision changes nothing: asked twice, the answer is the same', () => {
    const cell = new Cell({ n1: {}, n2: {} });
    expect(cell.decide(asks(100, 100))).toEqual(cell.decide(asks(100, 100)));
  });
});

describe('node table', () => {
  const facts = (name: string, cpu = 1000) => ({
    name,
    allocatable: { cpu },
    devices: [],
    images: new Map(),
    labels: {},
    taints: [],
    unschedulable: false,
    ready: true,
    givesVolumes: false,
  });
  const identity = { key: 'default', namespace: 'default', labels: {}, terms: [] };
  const footprint = { requests: { cpu: 400 }, ports: ['TCP/80'], livesLong: false, identity };

  it('grows without losing a row', () => {
    const table = new NodeTable();
    for (let index = 0; index < 1000; index++) table.charge(`n${index}`, footprint);
    for (let index = 0; index < 1000; index++) table.setNode(facts(`n${index}`, 1000 + index));
    expect(table.nodeCount).toBe(1000);
    expect(table.resource('cpu')?.free[table.slotOf('n999')!]).toBe(1999 - 400);
  });

  it('tasks of a node that is not known yet count as soon as it is', () => {
    const table = new NodeTable();
    table.charge('n1', footprint);
    expect(table.nodeCount).toBe(0);
    const slot = table.setNode(facts('n1'));
    expect(table.resource('cpu')?.free[slot]).toBe(600);
    expect(table.isPortTaken('TCP/80', slot)).toBe(true);
  });

  it('a node that left is never chosen, and its row is used again once its tasks are gone', () => {
    const cell = new Cell({ n1: {}, n2: {} }).run('there', 'n1', asks(100, 100));
    cell.state.removeNode('n1');
    expect(cell.answer()).toBe('n2');
    cell.state.removeTask('uid-of-there');
    const { size } = cell.state.snapshot;
    cell.state.setNode(nodeOf('n3'));
    expect(cell.state.snapshot.size).toBe(size);
  });
});

describe('profile', () => {
  it('refuses a plugin whose extension point nothing calls, instead of ignoring it', () => {
    const permit = { name: 'Gang', permit: () => 'wait' as const };
    expect(() => new Profile([...defaultPlugins, { plugin: permit }])).toThrow(
      'plugin Gang: nothing calls permit yet',
    );
  });

  it('needs exactly one order of the queue', () => {
    expect(() => new Profile([])).toThrow('exactly one plugin with queueSort');
  });

  it('weights decide between plugins that disagree', () => {
    const likes = (name: string, weight: number) => ({
      plugin: {
        name: `Likes ${name}`,
        preScore: () => ({}),
        score: (_state: object, { names }: { names: readonly string[] }, scores: Float64Array) => {
          for (const [slot, each] of names.entries()) scores[slot] = each === name ? 100 : 0;
        },
      },
      weight,
    });
    const { snapshot } = new Cell({ n1: {}, n2: {} }).state;
    const profile = new Profile([...defaultPlugins, likes('n1', 10), likes('n2', 11)]);
    expect(scheduleTask(profile, snapshot, schedulingTask(taskOf('t'))).node).toBe('n2');
  });
});

describe('a plugin that throws', () => {
  it('fails the task it throws for, which is tried again later, and no other', () => {
    const fussy = {
      name: 'Fussy',
      preScore: ({ priority }: { priority: number }) => {
        if (priority === 13) throw new RangeError('unlucky');
        return undefined;
      },
      score: () => {},
    };
    const profile = new Profile([...defaultPlugins, { plugin: fussy }]);
    const { state } = new Cell({ n1: {} });
    const queue = new SchedulingQueue({
      clock: new VirtualClock(),
      sort: profile.queueSort,
      hint: () => true,
    });
    for (const [name, priority] of Object.entries({ a: 13, b: 0 }))
      queue.add(schedulingTask(taskOf(name, { priority })));
    const { placed, failed } = new Decider({ profile, state, queue }).decideBatch(10);
    expect(placed.map(({ queued }) => queued.task.key)).toEqual(['default/b']);
    expect(failed.map(({ queued }) => queued.task.key)).toEqual(['default/a']);
    expect(queue.placeOf('default/a')).toBe('backoff');
  });
});

describe('decision hash', () => {
  it('depends on every decision and on their order', () => {
    const hashOf = (...decisions: [string, string | undefined][]): string => {
      const hash = new DecisionHash();
      for (const [task, node] of decisions) hash.add(task, node);
      return hash.toString();
    };
    const hashes = [
      hashOf(),
      hashOf(['a', 'n1']),
      hashOf(['a', 'n2']),
      hashOf(['a', undefined]),
      hashOf(['a', 'n1'], ['b', 'n1']),
      hashOf(['b', 'n1'], ['a', 'n1']),
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
    expect(hashOf(['a', 'n1'])).toBe(hashes[1]);
  });
});
