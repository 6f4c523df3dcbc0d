/** The queue on a virtual clock. Names in quotes: kube-scheduler 1.20, pkg/scheduler/internal/queue/scheduling_queue_test.go. */
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../api/meta/clock.ts';
import type { ClusterEvent } from '../../scheduler/core/plugin.ts';
import { prioritySort } from '../../scheduler/core/plugins/priority-sort.ts';
import { schedulingTask } from '../../scheduler/core/scheduling-task.ts';
import { SchedulingQueue } from '../../scheduler/queue.ts';
import { type TaskWords, taskOf } from './cell.ts';

const released: ClusterEvent = { type: 'TaskReleased', slot: 0 };
const added: ClusterEvent = { type: 'NodeAdded', slot: 0 };

function queueOf() {
  const clock = new VirtualClock();
  const queue = new SchedulingQueue({
    clock,
    sort: prioritySort.queueSort,
    hint: (event, _task, filters) => (event.type === 'TaskReleased' ? filters.has('Fit') : true),
  });
  const add = (name: string, words: TaskWords = {}): void => queue.add(schedulingTask(taskOf(name, words)));
  const takeNames = (max = 100): string[] =>
    queue.take(max).map(({ task }) => task.key.replace('default/', ''));
  const parkAll = (filter = 'Fit'): void => {
    for (const queued of queue.take(100)) queue.park(queued, [filter]);
  };
  const elapse = async (seconds: number): Promise<void> => {
    await clock.advance(seconds * 1000);
    queue.flush();
  };
  return { queue, add, takeNames, parkAll, elapse };
}

describe('order', () => {
  it('higher priority goes first, then the older, then the lesser name', () => {
    const { add, takeNames } = queueOf();
    add('b');
    add('a');
    add('older', { created: '2029-12-31T23:59:59Z' });
    add('urgent', { priority: 200_000, created: '2030-06-01T00:00:00Z' });
    expect(takeNames()).toEqual(['urgent', 'older', 'a', 'b']);
  });

  it('a task is handed out once, and not at all once it is removed', () => {
    const { queue, add, takeNames } = queueOf();
    add('a');
    add('a');
    add('b');
    queue.remove('default/b');
    expect(takeNames()).toEqual(['a']);
    expect(takeNames()).toEqual([]);
  });

  it('a task that asks for something else is decided again at once', () => {
    const { add, parkAll, takeNames } = queueOf();
    add('a', { requests: { cpu: '2' } });
    parkAll();
    add('a', { requests: { cpu: '2' } });
    expect(takeNames()).toEqual([]);
    add('a', { requests: { cpu: '2' }, tolerations: [{ operator: 'Exists' }] });
    expect(takeNames()).toEqual(['a']);
  });
});

describe('backoff', () => {
  it('"TestBackOffFlow": pauses are 1, 2, 4, 8, 10, 10, 10 seconds', async () => {
    const { queue, add, takeNames, elapse } = queueOf();
    add('a');
    for (const seconds of [1, 2, 4, 8, 10, 10, 10]) {
      for (const queued of queue.take(1)) queue.retry(queued);
      await elapse(seconds - 0.001);
      expect(queue.placeOf('default/a')).toBe('backoff');
      await elapse(0.001);
      expect(queue.placeOf('default/a')).toBe('active');
    }
    expect(takeNames()).toEqual(['a']);
  });

  it('"TestPodFailedSchedulingMultipleTimesDoesNotBlockNewerPod": a task in backoff lets others pass, whatever its priority', async () => {
    const { queue, add, takeNames, parkAll, elapse } = queueOf();
    add('first', { priority: 1000 });
    parkAll();
    queue.wake(released);
    add('second');
    expect(takeNames()).toEqual(['second']);
    await elapse(1);
    expect(takeNames()).toEqual(['first']);
  });

  it('"TestHighPriorityBackoff": a woken task waits for the end of its backoff', () => {
    const { queue, add, parkAll } = queueOf();
    add('high', { priority: 1000 });
    parkAll();
    queue.wake(released);
    expect(queue.placeOf('default/high')).toBe('backoff');
  });

  it('the pause until the next task is known', async () => {
    const { queue, add, elapse } = queueOf();
    expect(queue.idleMs(30_000)).toBe(30_000);
    add('a');
    expect(queue.idleMs(30_000)).toBe(0);
    for (const queued of queue.take(1)) queue.retry(queued);
    expect(queue.idleMs(30_000)).toBe(1000);
    await elapse(0.4);
    expect(queue.idleMs(30_000)).toBe(600);
  });
});

describe('parked tasks', () => {
  it('are woken only by events that the filters which refused them take the hint from', async () => {
    const { queue, add, parkAll, elapse } = queueOf();
    add('short', { requests: { cpu: '8' } });
    parkAll('Fit');
    add('picky', { nodeSelector: { disk: 'ssd' } });
    parkAll('NodeAffinity');
    await elapse(60);
    expect(queue.wake(released)).toBe(1);
    expect(queue.placeOf('default/short')).toBe('active');
    expect(queue.placeOf('default/picky')).toBe('parked');
    expect(queue.wake(added)).toBe(1);
    expect(queue.placeOf('default/picky')).toBe('active');
  });

  it('one hint is asked for a whole class of like tasks', () => {
    let asked = 0;
    const queue = new SchedulingQueue({
      clock: new VirtualClock(),
      sort: prioritySort.queueSort,
      hint: () => ++asked > 0,
    });
    for (let index = 0; index < 50; index++) queue.add(schedulingTask(taskOf(`t${index}`)));
    for (const queued of queue.take(50)) queue.park(queued, ['Fit']);
    expect(queue.wake(released)).toBe(50);
    expect(asked).toBe(1);
  });

  it('a refusal by proxy costs no backoff', () => {
    const { queue, add, takeNames } = queueOf();
    add('a');
    for (const queued of queue.take(1)) queue.park(queued, ['Fit'], { alike: true });
    queue.wake(released);
    expect(takeNames()).toEqual(['a']);
  });

  it('"TestHighPriorityFlushUnschedulableQLeftover": whatever no event woke comes back after five minutes', async () => {
    const { queue, add, parkAll, elapse, takeNames } = queueOf();
    add('high', { priority: 1000 });
    add('mid', { priority: 100 });
    parkAll();
    await elapse(299);
    expect(takeNames()).toEqual([]);
    await elapse(1);
    expect(takeNames()).toEqual(['high', 'mid']);
    expect(queue.depths()).toMatchObject({ deciding: 2, parked: 0 });
  });

  it('a task removed while it is decided is not parked any more', () => {
    const { queue, add } = queueOf();
    add('a');
    const [queued] = queue.take(1);
    queue.remove('default/a');
    queue.park(queued!, ['Fit']);
    expect(queue.size).toBe(0);
    expect(queue.wake(released)).toBe(0);
  });
});
