/** Whom a task displaces. kube-scheduler's own tables are among peers/. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../api/meta/clock.ts';
import { feasible } from '../../scheduler/core/plugin.ts';
import { victimLimit } from '../../scheduler/core/preemption.ts';
import { PreemptionIndex } from '../../scheduler/core/preemption-index.ts';
import { scheduleTask } from '../../scheduler/core/schedule.ts';
import { schedulingTask } from '../../scheduler/core/scheduling-task.ts';
import { Decider } from '../../scheduler/decider.ts';
import { SchedulingQueue } from '../../scheduler/queue.ts';
import { Cell, taskOf } from './cell.ts';

const namesOf = (victims: readonly { key: string }[]): string[] =>
  victims.map(({ key }) => key.replace('default/', '')).sort();

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

  const blue = { labels: { color: 'blue' } };
  const selector = { labelSelector: { matchLabels: { color: 'blue' } } };
  const apart = {
    affinity: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { topologyKey: 'kubernetes.io/hostname', ...selector },
        ],
      },
    },
  };
  const spreadOut = {
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'DoNotSchedule' as const,
        nodeAffinityPolicy: 'Honor' as const,
        nodeTaintsPolicy: 'Ignore' as const,
        ...selector,
      },
    ],
  };

  it.each([
    ['anti-affinity of its own', { ...cpu('500m', 100_000), ...blue, ...apart }, blue],
    ['anti-affinity of those there', { ...cpu('500m', 100_000), ...blue }, { ...blue, ...apart }],
  ])('%s ends those it is about, and nobody else', (_name, preemptor, other) => {
    const cell = new Cell({ n1: full, n2: full })
      .run('other', 'n1', { ...cpu('500m'), ...other })
      .run('plain', 'n1', cpu('500m'))
      .run('above', 'n2', { ...cpu('500m', 200_000), ...other });
    expect(find(cell, preemptor)).toEqual(['n1', 'other']);
    cell.state.setEnding('uid-of-other', true);
    expect(find(cell, preemptor)).toEqual(['n1']);
  });

  it('a spread that must hold ends as many as are too many', () => {
    const cell = new Cell({ n1: full, n2: { ...full, allocatable: { ...full.allocatable, cpu: '100m' } } })
      .run('first', 'n1', { ...cpu('500m', 50), ...blue })
      .run('second', 'n1', { ...cpu('500m'), ...blue })
      .run('third', 'n1', { ...cpu('500m'), ...blue });
    expect(find(cell, { ...cpu('500m', 100_000), ...blue, ...spreadOut })).toEqual([
      'n1',
      'first',
      'second',
      'third',
    ]);
    cell.run('small', 'n2', { ...cpu('100m', 100_000), ...blue });
    expect(find(cell, { ...cpu('500m', 100_000), ...blue, ...spreadOut })).toEqual(['n1', 'second', 'third']);
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

  it('remembered candidates are those of a new look, whatever happened since, and victims make room', () => {
    const anyRun = fc.record({
      name: fc.nat(20),
      node: fc.nat(4),
      cpu: fc.constantFrom('500m', '1', '2'),
      priority: fc.constantFrom(0, 50, 100_000, 200_000),
      over: fc.boolean(),
      words: fc.constantFrom({}, blue, { ...blue, ...apart }),
    });
    const anyTask = fc.constantFrom({}, blue, { ...blue, ...apart }, { ...blue, ...spreadOut });
    fc.assert(
      fc.property(fc.array(anyRun, { minLength: 10, maxLength: 60 }), anyTask, (runs, asked) => {
        const cell = new Cell(Object.fromEntries([0, 1, 2, 3, 4].map((name) => [`n${name}`, full])));
        const index = new PreemptionIndex(cell.profile, cell.state);
        const task = schedulingTask(taskOf('p', { ...cpu('2', 200_000), ...asked }));
        for (const { name, node, over, ...run } of runs) {
          const { uid } = schedulingTask(taskOf(`t${name}`));
          if (over) cell.state.removeTask(uid);
          else cell.run(`t${name}`, `n${node}`, { ...cpu(run.cpu, run.priority), ...run.words });
          const found = index.find(task);
          expect(found).toEqual(new PreemptionIndex(cell.profile, cell.state).find(task));
          for (const { priority } of found?.victims ?? []) expect(priority).toBeLessThan(200_000);
        }
        const last = index.find(task);
        for (const { uid } of last?.victims ?? []) cell.state.removeTask(uid);
        scheduleTask(cell.profile, cell.state.snapshot, task);
        if (last) expect(cell.profile.verdicts[last.slot]).toBe(feasible);
      }),
      { numRuns: 60 },
    );
  });
});
