/** Services and batch work on different nodes, as far as there is room. */
import { describe, expect, it } from 'vitest';
import { ClassIndex } from '../../scheduler/core/class-index.ts';
import { Profile, segregatingPlugins } from '../../scheduler/core/profile.ts';
import { scheduleTask } from '../../scheduler/core/schedule.ts';
import { schedulingTask } from '../../scheduler/core/scheduling-task.ts';
import { Cell, type NodeWords, type TaskWords, taskOf } from './cell.ts';

const service: TaskWords = { restartPolicy: 'Always', requests: { cpu: '500m' } };
const batch: TaskWords = { restartPolicy: 'Never', requests: { cpu: '500m' } };

/** Each task is placed in turn; both ways of deciding agree. */
function play(nodes: Record<string, NodeWords>, tasks: TaskWords[], plugins = segregatingPlugins): string[] {
  const { state } = new Cell(nodes);
  const profile = new Profile(plugins);
  const index = new ClassIndex(profile, state.snapshot);
  return tasks.map((words, at) => {
    const task = schedulingTask(taskOf(`t${at}`, words));
    const decision = index.schedule(task);
    expect(decision).toEqual(scheduleTask(profile, state.snapshot, task));
    if (decision.node !== undefined) state.assume(task, decision.node);
    return decision.node ?? 'nowhere';
  });
}

describe('segregation of long and short lives', () => {
  const cases: [string, Record<string, NodeWords>, TaskWords[], string[]][] = [
    [
      'each goes to its own kind',
      { n1: {}, n2: {} },
      [service, batch, service, batch],
      ['n1', 'n2', 'n1', 'n2'],
    ],
    [
      'an empty node is better than the wrong company',
      { n1: {}, n2: {}, n3: {} },
      [service, batch],
      ['n1', 'n2'],
    ],
    [
      'company of the right kind is better than an empty node',
      { n1: {}, n2: {} },
      [batch, batch, batch],
      ['n1', 'n1', 'n1'],
    ],
    [
      'it is a wish: where there is no other room, they share',
      { n1: { allocatable: { cpu: '1', memory: '1Gi', pods: '10' } } },
      [service, batch, batch],
      ['n1', 'n1', 'nowhere'],
    ],
  ];

  it.each(cases)('%s', (_name, nodes, tasks, placed) => {
    expect(play(nodes, tasks)).toEqual(placed);
  });

  it('the default profile packs them together', () => {
    expect(play({ n1: {}, n2: {} }, [service, batch], [...segregatingPlugins.slice(0, -1)])).toEqual([
      'n1',
      'n1',
    ]);
  });

  it('tasks that have ended keep nobody company', () => {
    const { state, profile } = new Cell({ n1: {}, n2: {} });
    const task = schedulingTask(taskOf('t', service));
    state.assume(task, 'n1');
    expect([...state.snapshot.longLived.slice(0, 2)]).toEqual([1, 0]);
    state.forget(task.uid);
    expect([...state.snapshot.longLived.slice(0, 2)]).toEqual([0, 0]);
    expect(scheduleTask(profile, state.snapshot, task).node).toBe('n1');
  });
});
