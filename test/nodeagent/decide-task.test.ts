import { describe, expect, it } from 'vitest';
import { decideTask } from '../../nodeagent/task/decide-task.ts';
import type { ContainerLife } from '../../nodeagent/task/task-record.ts';
import { record, task } from '../kit/nodeagent-objects.ts';

const running: ContainerLife = { state: 'running', cid: 'c', pid: 1, startedAtMs: 0 };
const ended: ContainerLife = {
  state: 'ended',
  termination: { cid: 'c', exitCode: 0, reason: 'Completed', finishedAtMs: 5 },
};
const waiting = (retryAtMs: number): ContainerLife => ({
  state: 'waiting',
  reason: 'CrashLoopBackOff',
  retryAtMs,
});
const stop = { sinceMs: 1000, graceSeconds: 10, signalled: true };

describe('decideTask', () => {
  it('starts a container whose time has come, and waits for one whose has not', () => {
    const due = record(task(), {}, { life: waiting(100) });
    expect(decideTask(due, 100).steps).toEqual([{ do: 'start', container: due.containers[0] }]);
    expect(decideTask(due, 99)).toEqual({ steps: [], nextAtMs: 100 });
  });

  it('leaves a running container alone', () => {
    expect(decideTask(record(task(), {}, { life: running }), 1)).toEqual({ steps: [] });
  });

  it('sends TERM once, waits for the grace, then KILL', () => {
    const fresh = record(task(), { stop: { ...stop, signalled: false } }, { life: running });
    const told = record(task(), { stop }, { life: running });
    expect(decideTask(fresh, 1000).steps).toMatchObject([{ do: 'signal', cid: 'c', signal: 'TERM' }]);
    expect(decideTask(told, 5000)).toEqual({ steps: [], nextAtMs: 11_000 });
    expect(decideTask(told, 11_000).steps).toMatchObject([{ do: 'signal', cid: 'c', signal: 'KILL' }]);
  });

  it('kills at once when there is no grace', () => {
    const now = record(
      task(),
      { stop: { sinceMs: 1000, graceSeconds: 0, signalled: false } },
      { life: running },
    );
    expect(decideTask(now, 1000).steps).toMatchObject([{ signal: 'KILL' }]);
  });

  it('starts nothing in a task that is to end', () => {
    const stopping = record(task(), { stop }, { life: waiting(0) });
    expect(decideTask(stopping, 2000).steps).toMatchObject([{ do: 'abandon' }]);
  });

  it('cleans up once, when every container is over', () => {
    expect(decideTask(record(task(), {}, { life: ended }), 9).steps).toEqual([{ do: 'clean' }]);
    expect(decideTask(record(task(), { cleaned: true }, { life: ended }), 9).steps).toEqual([]);
  });
});
