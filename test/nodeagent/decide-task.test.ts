import { describe, expect, it } from 'vitest';
import { decideTask } from '../../nodeagent/task/decide-task.ts';
import type { ContainerLife } from '../../nodeagent/task/task-record.ts';
import { container, record, task } from '../kit/nodeagent-objects.ts';

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
const signalled: ContainerLife = { ...running, signalled: true };
const stop = { sinceMs: 1000, graceSeconds: 10 };

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
    const fresh = record(task(), { stop }, { life: running });
    const told = record(task(), { stop }, { life: signalled });
    expect(decideTask(fresh, 1000).steps).toMatchObject([{ do: 'signal', cid: 'c', signal: 'TERM' }]);
    expect(decideTask(told, 5000)).toEqual({ steps: [], nextAtMs: 11_000 });
    expect(decideTask(told, 11_000).steps).toMatchObject([{ do: 'signal', cid: 'c', signal: 'KILL' }]);
  });

  it('ends one container whose probe failed and leaves the others alone', () => {
    const two = record(task({ spec: { containers: [container(), container({ name: 'side' })] } }));
    two.containers[0]!.life = { ...running, stop: { ...stop, message: 'liveness probe failed' } };
    two.containers[1]!.life = { ...running, cid: 'd' };
    expect(decideTask(two, 1000).steps).toMatchObject([{ do: 'signal', cid: 'c', signal: 'TERM' }]);
  });

  it('kills a container at the earlier of its own end and that of its task', () => {
    const own = { sinceMs: 0, graceSeconds: 100, message: '' };
    const both = record(task(), { stop }, { life: { ...running, signalled: true, stop: own } });
    expect(decideTask(both, 11_000).steps).toMatchObject([{ signal: 'KILL' }]);
  });

  it('kills at once when there is no grace', () => {
    const now = record(task(), { stop: { sinceMs: 1000, graceSeconds: 0 } }, { life: running });
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
