/** Scores beyond how full a node is: where the images are, where attempts failed, what would be left stranded. */
import { describe, expect, it } from 'vitest';
import { ClassIndex } from '../../scheduler/core/class-index.ts';
import { hybridPlugins, Profile } from '../../scheduler/core/profile.ts';
import { scheduleTask } from '../../scheduler/core/schedule.ts';
import { schedulingTask } from '../../scheduler/core/scheduling-task.ts';
import { Cell, type TaskWords, taskOf } from './cell.ts';

const GB = 1024 ** 3;

describe('image locality', () => {
  const withImage = (image: string) => {
    const task = taskOf('asked');
    return schedulingTask({
      ...task,
      spec: { ...task.spec, containers: task.spec.containers.map((container) => ({ ...container, image })) },
    });
  };

  it('prefers the node that has the image', () => {
    const cell = new Cell({ a: {}, b: { images: { 'model:1': GB } } });
    expect(scheduleTask(cell.profile, cell.state.snapshot, withImage('model:1')).node).toBe('b');
    expect(scheduleTask(cell.profile, cell.state.snapshot, withImage('other:1')).node).toBe('a');
  });

  it('a small image is soon pulled', () => {
    const cell = new Cell({ a: {}, b: { images: { 'busybox:1': 4_000_000 } } });
    expect(scheduleTask(cell.profile, cell.state.snapshot, withImage('busybox:1')).node).toBe('a');
  });
});

describe('a task whose former attempt failed', () => {
  const owner = { apiVersion: 'gantry.dev/v1', kind: 'Job', name: 'j', uid: 'uid-of-job', controller: true };
  const attempt = (number: number, words: TaskWords, reason?: string) => {
    const task = taskOf(`j-0-${number}`, { job: 'j', index: 0, attempt: number, ...words });
    const status = { ...task.status, ...(reason ? { reason } : {}) };
    return { ...task, metadata: { ...task.metadata, ownerReferences: [owner] }, status };
  };
  const next = (cell: Cell, number: number): string | undefined => {
    const task = schedulingTask(attempt(number, {}));
    const decision = new ClassIndex(cell.profile, cell.state.snapshot).schedule(task);
    expect(decision).toEqual(scheduleTask(cell.profile, cell.state.snapshot, task));
    return decision.node;
  };

  it('on a node goes elsewhere, also when that attempt is gone by now', () => {
    const cell = new Cell({ a: {}, b: {}, c: {} });
    expect(next(cell, 0)).toBe('a');
    cell.state.setTask(attempt(0, { nodeName: 'a', phase: 'Failed' }));
    expect(next(cell, 1)).toBe('b');
    cell.state.setTask(attempt(1, { nodeName: 'b', phase: 'Failed' }));
    cell.state.removeTask('uid-of-j-0-0');
    expect(next(cell, 2)).toBe('c');
  });

  it('everywhere is tried where it failed least', () => {
    const cell = new Cell({ a: {}, b: {} });
    for (const [number, nodeName] of ['a', 'b', 'a'].entries())
      cell.state.setTask(attempt(number, { nodeName, phase: 'Failed' }));
    expect(next(cell, 3)).toBe('b');
  });

  it('of another job, or that was evicted, does not mind', () => {
    const cell = new Cell({ a: {}, b: {} });
    cell.state.setTask(attempt(0, { nodeName: 'a', phase: 'Failed' }, 'Evicted'));
    expect(next(cell, 1)).toBe('a');
    cell.state.setTask(attempt(0, { nodeName: 'a', phase: 'Failed' }));
    expect(cell.decide({ job: 'j', index: 0 }).node).toBe('a');
  });
});

describe('the hybrid', () => {
  it('leaves as little of one resource without the other as may be', () => {
    const cell = new Cell({
      even: { allocatable: { cpu: '8', memory: '8Gi', pods: '10' } },
      lopsided: { allocatable: { cpu: '8', memory: '8Gi', pods: '10' } },
    }).run('there', 'lopsided', { requests: { cpu: '4', memory: '1Gi' } });
    const asks = { requests: { cpu: '3', memory: '1Gi' } };
    const task = schedulingTask(taskOf('asked', asks));
    expect(cell.decide(asks).node).toBe('lopsided');
    expect(scheduleTask(new Profile(hybridPlugins), cell.state.snapshot, task).node).toBe('even');
  });
});
