import { describe, expect, it } from 'vitest';
import { statusPatch } from '../../nodeagent/task/status-patch.ts';
import type { ContainerLife, TaskRecord, Termination } from '../../nodeagent/task/task-record.ts';
import { taskStatus } from '../../nodeagent/task/task-status.ts';
import { container, record, task } from '../kit/nodeagent-objects.ts';

const now = Date.UTC(2030, 0, 1);
const running: ContainerLife = { state: 'running', cid: 'c-0-0', pid: 42, startedAtMs: now };
const termination = (changes: Partial<Termination> = {}): Termination => ({
  cid: 'c-0-0',
  exitCode: 0,
  reason: 'Completed',
  startedAtMs: now,
  finishedAtMs: now + 2000,
  ...changes,
});
const statusWith = (life: ContainerLife, last?: Termination) =>
  taskStatus(record(task(), {}, { life, ...(last ? { last, restartCount: 1 } : {}) }), '10.0.0.1', now);
const condition = (status: ReturnType<typeof statusWith>, type: string) =>
  status.conditions?.find((each) => each.type === type)?.status;

describe('taskStatus', () => {
  it('is Pending with the reason while a container cannot start', () => {
    const status = statusWith({ state: 'waiting', reason: 'PortInUse', message: 'port 80', retryAtMs: 0 });
    expect(status.phase).toBe('Pending');
    expect(status.containerStatuses?.[0]?.state).toEqual({
      waiting: { reason: 'PortInUse', message: 'port 80' },
    });
    expect(condition(status, 'Ready')).toBe('False');
  });

  it('is Running and Ready with the pid when all containers run', () => {
    const status = statusWith(running);
    expect(status).toMatchObject({ phase: 'Running', hostIP: '10.0.0.1' });
    expect(status.containerStatuses?.[0]).toMatchObject({ ready: true, pid: 42, restartCount: 0 });
    expect(
      ['Scheduled', 'Initialized', 'ContainersReady', 'Ready'].map((type) => condition(status, type)),
    ).toEqual(['True', 'True', 'True', 'True']);
  });

  it('says that the node gave the task up, unless that was the fault of the task', () => {
    const life: ContainerLife = { state: 'ended', termination: termination({ exitCode: 137 }) };
    const given = (change: Partial<TaskRecord>) =>
      condition(taskStatus(record(task(), change, { life }), '10.0.0.1', now), 'DisruptionTarget');
    const eviction = { reason: 'Evicted', message: 'memory' } as const;
    expect(given({ eviction })).toBe('True');
    expect(given({ fenced: 'cut off' })).toBe('True');
    expect(given({ eviction: { ...eviction, isOwnFault: true } })).toBeUndefined();
    expect(given({})).toBeUndefined();
  });

  it('names the container that runs, or the one that ran last', () => {
    const waiting: ContainerLife = { state: 'waiting', reason: 'CrashLoopBackOff', retryAtMs: 1 };
    const ended: ContainerLife = { state: 'ended', termination: termination() };
    const named = (status: ReturnType<typeof statusWith>) => status.containerStatuses?.[0]?.containerID;
    expect(named(statusWith(running))).toBe('gantry://c-0-0');
    expect(named(statusWith(ended))).toBe('gantry://c-0-0');
    expect(named(statusWith(waiting, termination()))).toBe('gantry://c-0-0');
    expect(named(statusWith(waiting))).toBeUndefined();
  });

  it('stays Running, not Ready, while a container waits for its restart', () => {
    const status = statusWith({ state: 'waiting', reason: 'CrashLoopBackOff', retryAtMs: 1 }, termination());
    expect(status.phase).toBe('Running');
    expect(condition(status, 'Ready')).toBe('False');
    expect(status.containerStatuses?.[0]).toMatchObject({
      restartCount: 1,
      lastState: { terminated: { exitCode: 0 } },
    });
  });

  it('is Succeeded when every container ended well', () => {
    const status = statusWith({ state: 'ended', termination: termination() });
    expect(status).toMatchObject({ phase: 'Succeeded', finishTime: '2030-01-01T00:00:02Z' });
    expect(status.reason).toBeUndefined();
  });

  it('is Failed with the reason of the container that failed', () => {
    const oom = termination({ exitCode: 137, reason: 'OOMKilled' });
    const status = statusWith({ state: 'ended', termination: oom });
    expect(status).toMatchObject({ phase: 'Failed', reason: 'OOMKilled' });
    expect(status.containerStatuses?.[0]?.state.terminated).toMatchObject({
      exitCode: 137,
      reason: 'OOMKilled',
    });
  });

  it('is Pending until the last of several containers has started', () => {
    const two = record(task({ spec: { containers: [container(), container({ name: 'side' })] } }));
    two.containers[0]!.life = running;
    expect(taskStatus(two, '', now).phase).toBe('Pending');
  });

  it('is Failed with reason Fenced when the lease of its node ran out, however its containers ended', () => {
    const ended = record(
      task(),
      { fenced: 'not heard since' },
      { life: { state: 'ended', termination: termination() } },
    );
    expect(taskStatus(ended, '', now)).toMatchObject({
      ...{ phase: 'Failed', reason: 'Fenced', message: 'not heard since' },
    });
  });

  it('keeps conditions that others set', () => {
    const lost = task({
      status: { phase: 'Unknown', conditions: [{ type: 'Disconnected', status: 'True' }] },
    });
    const status = taskStatus(record(lost, {}, { life: running }), '', now);
    expect(condition(status, 'Disconnected')).toBe('True');
    expect(status.phase).toBe('Running');
  });
});

describe('statusPatch', () => {
  it('is nothing when the server knows all of it', () => {
    const status = statusWith(running);
    expect(statusPatch(status, structuredClone(status))).toBeUndefined();
  });

  it('names only what changed and takes away what no longer holds', () => {
    const known = { phase: 'Unknown', reason: 'NodeLost', hostIP: '10.0.0.1' } as const;
    expect(statusPatch(known, { phase: 'Running', hostIP: '10.0.0.1' })).toEqual({
      phase: 'Running',
      reason: null,
    });
  });
});
