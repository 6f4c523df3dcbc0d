/**
 * Near to and far from other tasks. Cases of kube-scheduler 1.20 (pkg/scheduler/framework/plugins/interpodaffinity,
 * filtering_test.go and scoring_test.go), told in our own words.
 */
import { describe, expect, it } from 'vitest';
import type { Task } from '../../api/kinds/resources.ts';
import { givesHope } from '../../scheduler/core/hints.ts';
import { feasible } from '../../scheduler/core/plugin.ts';
import { interTaskAffinity } from '../../scheduler/core/plugins/inter-task-affinity.ts';
import { schedulingTask } from '../../scheduler/core/scheduling-task.ts';
import { Cell, type NodeWords, type TaskWords, taskOf } from './cell.ts';

type Affinity = NonNullable<Task['spec']['affinity']>;
type Term = NonNullable<
  NonNullable<Affinity['podAffinity']>['requiredDuringSchedulingIgnoredDuringExecution']
>[number];
type Expression = NonNullable<NonNullable<Term['labelSelector']>['matchExpressions']>[number];

const one: Record<string, NodeWords> = { machine1: { labels: { region: 'r1', zone: 'z11' } } };
const three: Record<string, NodeWords> = {
  a: { labels: { region: 'China', az: 'az1' } },
  b: { labels: { region: 'China', az: 'az2' } },
  c: { labels: { region: 'India', az: 'az1' } },
};
const security = { service: 'securityscan' };

const is = (key: string, ...values: string[]): Expression => ({ key, operator: 'In', values });
const isNot = (key: string, ...values: string[]): Expression => ({ key, operator: 'NotIn', values });

function term(topologyKey: string, expressions: Expression[], words: Partial<Term> = {}): Term {
  return { topologyKey, labelSelector: { matchExpressions: expressions }, ...words };
}

function near(...terms: Term[]): TaskWords {
  return { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } } };
}

function far(...terms: Term[]): TaskWords {
  return { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } } };
}

function prefer(field: 'podAffinity' | 'podAntiAffinity', ...terms: [number, Term][]): TaskWords {
  const weighted = terms.map(([weight, podAffinityTerm]) => ({ weight, podAffinityTerm }));
  return { affinity: { [field]: { preferredDuringSchedulingIgnoredDuringExecution: weighted } } };
}

function admitted(cell: Cell, words: TaskWords): string[] {
  const { snapshot } = cell.state;
  const column = new Uint8Array(snapshot.size);
  const state = interTaskAffinity.preFilter(schedulingTask(taskOf('asked', words)), snapshot);
  if (state) interTaskAffinity.filter(state, snapshot, { column, mark: 1 });
  return snapshot.names.filter((_name, slot) => column[slot] === feasible);
}

function scores(cell: Cell, words: TaskWords): Record<string, number> | undefined {
  const { snapshot } = cell.state;
  const column = new Float64Array(snapshot.size);
  const task = schedulingTask(taskOf('asked', words));
  const state = interTaskAffinity.preScore(task, snapshot, new Uint8Array(snapshot.size));
  if (!state) return undefined;
  interTaskAffinity.score(state, snapshot, column);
  return Object.fromEntries(snapshot.names.map((name, slot) => [name, Math.floor(column[slot]!)]));
}

describe('required affinity on one node', () => {
  const there = (): Cell => new Cell(one).run('there', 'machine1', { labels: security });

  it.each<[string, TaskWords, boolean]>([
    ['a selector that matches', near(term('region', [is('service', 'securityscan', 'value2')])), true],
    ['NotIn that matches', near(term('region', [isNot('service', 'securityscan3')])), true],
    [
      'another namespace',
      near(term('region', [is('service', 'securityscan')], { namespaces: ['DiffNameSpace'] })),
      false,
    ],
    ['a selector that does not match', near(term('region', [is('service', 'antivirusscan')])), false],
    [
      'several terms, all true of one task',
      near(term('region', [{ key: 'service', operator: 'Exists' }]), term('region', [isNot('wrong', 'v')])),
      true,
    ],
    [
      'several terms, one not true',
      near(term('region', [{ key: 'service', operator: 'Exists' }]), term('region', [is('wrong', 'v')])),
      false,
    ],
    ['a topology the node does not have', near(term('rack', [is('service', 'securityscan')])), false],
  ])('%s', (_name, words, fits) => {
    expect(admitted(there(), words)).toEqual(fits ? ['machine1'] : []);
  });

  it('a namespaceSelector finds tasks by the labels of their namespace', () => {
    const cell = new Cell(one).run('there', 'machine1', { labels: security, namespace: 'team-a' });
    const words = near(
      term('region', [is('service', 'securityscan')], { namespaceSelector: { matchLabels: { team: 'a' } } }),
    );
    expect(admitted(cell, words)).toEqual([]);
    cell.state.setNamespace('team-a', { team: 'a' });
    expect(admitted(cell, words)).toEqual(['machine1']);
    expect(
      admitted(cell, near(term('region', [is('service', 'securityscan')], { namespaceSelector: {} }))),
    ).toEqual(['machine1']);
  });

  it('the first of a kind that wants to be near its kind may begin', () => {
    const words = { labels: { foo: 'bar' }, ...near(term('region', [is('foo', 'bar')])) };
    expect(admitted(new Cell(one), words)).toEqual(['machine1']);
    expect(admitted(new Cell({ bare: {} }), words)).toEqual([]);
    expect(admitted(new Cell(one), { ...words, namespace: 'b', labels: {} })).toEqual([]);
  });

  it('but not once one of them is somewhere else', () => {
    const words = { labels: { foo: 'bar' }, ...near(term('region', [is('foo', 'bar')])) };
    const cell = new Cell(three).run('first', 'c', { labels: { foo: 'bar' } });
    expect(admitted(cell, words)).toEqual(['c']);
  });
});

describe('required anti-affinity', () => {
  it('keeps the task off the domain of those it names', () => {
    const cell = new Cell(three).run('there', 'a', { labels: security });
    expect(admitted(cell, far(term('region', [is('service', 'securityscan')])))).toEqual(['c']);
    expect(admitted(cell, far(term('az', [is('service', 'securityscan')])))).toEqual(['b']);
    expect(admitted(cell, far(term('kubernetes.io/hostname', [is('service', 'securityscan')])))).toEqual([
      'b',
      'c',
    ]);
  });

  it('gives hope again when the node of those it minds, or who mind it, is lost', () => {
    const apart = far(term('region', [is('service', 'securityscan')]));
    const cell = new Cell(three).run('there', 'a', { ...apart, labels: security });
    cell.state.removeNode('a');
    const event = cell.events.at(-1)!;
    expect(event.type).toBe('NodeRemoved');
    for (const words of [apart, { labels: security }]) {
      const task = schedulingTask(taskOf('waits', words));
      const refusedBy = new Set([interTaskAffinity.name]);
      expect(givesHope(cell.profile, cell.state.snapshot, { event, task, refusedBy })).toBe(true);
      expect(cell.answer(words)).toBe('b');
    }
  });

  it('does not mind nodes without the label', () => {
    const cell = new Cell({ ...three, bare: {} }).run('there', 'a', { labels: security });
    expect(admitted(cell, far(term('region', [is('service', 'securityscan')])))).toEqual(['c', 'bare']);
  });

  it('is symmetric: what runs keeps those away that it does not want', () => {
    const cell = new Cell(three).run('there', 'a', far(term('region', [is('app', 'loud')])));
    expect(admitted(cell, { labels: { app: 'loud' } })).toEqual(['c']);
    expect(admitted(cell, { labels: { app: 'quiet' } })).toHaveLength(3);
    cell.state.removeTask('uid-of-there');
    expect(admitted(cell, { labels: { app: 'loud' } })).toHaveLength(3);
  });

  it('holds beside affinity: near one kind, far from another', () => {
    const cell = new Cell(three)
      .run('one', 'a', { labels: security })
      .run('other', 'b', { labels: { app: 'loud' } });
    const words = {
      affinity: {
        ...near(term('region', [is('service', 'securityscan')])).affinity,
        ...far(term('kubernetes.io/hostname', [is('app', 'loud')])).affinity,
      },
    };
    expect(admitted(cell, words)).toEqual(['a']);
  });

  it('matchLabelKeys and mismatchLabelKeys compare with the task itself', () => {
    const cell = new Cell(three).run('v1', 'a', { labels: { app: 'x', version: '1', tenant: 't1' } });
    const same = far(term('region', [is('app', 'x')], { matchLabelKeys: ['version'] }));
    expect(admitted(cell, { ...same, labels: { app: 'x', version: '2' } })).toHaveLength(3);
    expect(admitted(cell, { ...same, labels: { app: 'x', version: '1' } })).toEqual(['c']);
    const other = far(term('region', [is('app', 'x')], { mismatchLabelKeys: ['tenant'] }));
    expect(admitted(cell, { ...other, labels: { tenant: 't1' } })).toHaveLength(3);
    expect(admitted(cell, { ...other, labels: { tenant: 't2' } })).toEqual(['c']);
  });
});

describe('preferences', () => {
  it('draw towards tasks, per domain', () => {
    const cell = new Cell(three).run('there', 'a', { labels: security });
    expect(scores(cell, prefer('podAffinity', [5, term('region', [is('service', 'securityscan')])]))).toEqual(
      {
        a: 100,
        b: 100,
        c: 0,
      },
    );
  });

  it('push away from them', () => {
    const cell = new Cell(three).run('there', 'a', { labels: security });
    expect(scores(cell, prefer('podAntiAffinity', [5, term('az', [is('service', 'securityscan')])]))).toEqual(
      {
        a: 0,
        b: 100,
        c: 0,
      },
    );
  });

  it('of those that run count for those that come', () => {
    const cell = new Cell(three).run(
      'there',
      'c',
      prefer('podAffinity', [8, term('region', [is('app', 'x')])]),
    );
    expect(scores(cell, { labels: { app: 'x' } })).toEqual({ a: 0, b: 0, c: 100 });
    expect(scores(cell, { labels: { app: 'y' } })).toBeUndefined();
  });

  it('so does required affinity of those that run, with weight 1', () => {
    const cell = new Cell(three)
      .run('there', 'c', near(term('region', [is('app', 'x')])))
      .run('more', 'a', prefer('podAffinity', [2, term('region', [is('app', 'x')])]));
    expect(scores(cell, { labels: { app: 'x' } })).toEqual({ a: 100, b: 100, c: 0 });
  });

  it('of all kinds add up', () => {
    const cell = new Cell(three)
      .run('s', 'a', { labels: security })
      .run('l', 'b', { labels: { app: 'loud' } });
    const words: TaskWords = {
      affinity: {
        ...prefer('podAffinity', [8, term('region', [is('service', 'securityscan')])]).affinity,
        ...prefer('podAntiAffinity', [4, term('kubernetes.io/hostname', [is('app', 'loud')])]).affinity,
      },
    };
    expect(scores(cell, words)).toEqual({ a: 100, b: 50, c: 0 });
  });
});

describe('contradictory demands', () => {
  it('near to and far from the same tasks: pending, and it says so', () => {
    const cell = new Cell(three).run('there', 'a', { labels: security });
    const terms = term('region', [is('service', 'securityscan')]);
    expect(cell.answer({ affinity: { ...near(terms).affinity, ...far(terms).affinity } })).toBe(
      '0/3 nodes are available: 2 breaking anti-affinity over region, 1 without tasks it must be near to over region',
    );
  });

  it('a task refused by those that run says by whom', () => {
    const cell = new Cell(one).run('there', 'machine1', far(term('region', [is('app', 'x')])));
    expect(cell.answer({ labels: { app: 'x' } })).toBe(
      '0/1 nodes are available: 1 refused by anti-affinity of tasks there over region',
    );
  });
});
