import { describe, expect, it } from 'vitest';
import type { Task } from '../../api/kinds/resources.ts';
import { decideTask } from '../../nodeagent/task/decide-task.ts';
import { type ContainerLife, newRecord, type TaskRecord } from '../../nodeagent/task/task-record.ts';
import { taskStatus } from '../../nodeagent/task/task-status.ts';
import { container, task } from '../kit/nodeagent-objects.ts';

const waiting: ContainerLife = { state: 'waiting', reason: 'TaskInitializing', retryAtMs: 0 };
const running: ContainerLife = { state: 'running', cid: 'c', pid: 1, startedAtMs: 0 };
const starting: ContainerLife = { ...running, health: { started: false, ready: false } };
const ended = (exitCode: number): ContainerLife => ({
  state: 'ended',
  termination: { cid: 'c', exitCode, reason: exitCode ? 'Error' : 'Completed', finishedAtMs: 5000 },
});

/** `init` and `main` as they are called; `side` is a sidecar. */
function recordOf(lives: Record<string, ContainerLife>): TaskRecord {
  const names = Object.keys(lives);
  const inits = names.filter((name) => !name.startsWith('main'));
  const spec = {
    terminationGracePeriodSeconds: 10,
    initContainers: inits.map((name) => ({
      ...container({ name }),
      ...(name.startsWith('side') ? { restartPolicy: 'Always' as const } : {}),
    })),
    containers: names.filter((name) => name.startsWith('main')).map((name) => container({ name })),
  };
  const record = newRecord(task({ spec: spec as Partial<Task['spec']> }), 0);
  for (const each of record.containers) each.life = lives[each.name]!;
  return record;
}

const stepsOf = (record: TaskRecord, nowMs = 6000): string[] =>
  decideTask(record, nowMs).steps.map((step) =>
    step.do === 'clean' ? 'clean' : `${step.do} ${step.container.name}`,
  );

describe('the order of containers', () => {
  it.each([
    ['init containers start one by one', { init1: waiting, init2: waiting, main: waiting }, ['start init1']],
    ['the next one waits for the success of the last', { init1: running, init2: waiting, main: waiting }, []],
    ['and comes after it', { init1: ended(0), init2: waiting, main: waiting }, ['start init2']],
    [
      'the main ones come last, together',
      { init1: ended(0), main1: waiting, main2: waiting },
      ['start main1', 'start main2'],
    ],
    ['a sidecar that runs lets the others start', { side: running, main: waiting }, ['start main']],
    ['one that has not started yet does not', { side: starting, main: waiting }, []],
    [
      'a failed init container ends the task',
      { init1: ended(3), init2: waiting, main: waiting },
      ['abandon init2', 'abandon main'],
    ],
    ['and the sidecars before it', { side: running, init: ended(3), main: ended(128) }, ['signal side']],
    ['sidecars stay while a main container runs', { side: running, main1: ended(0), main2: running }, []],
    ['and end after the last one', { side: running, main: ended(0) }, ['signal side']],
    ['the last sidecar first', { side1: running, side2: running, main: ended(0) }, ['signal side2']],
    [
      'a sidecar waiting for its restart is not started again then',
      { side: waiting, main: ended(0) },
      ['abandon side'],
    ],
    ['what is over is cleaned up', { init: ended(0), side: ended(143), main: ended(0) }, ['clean']],
  ] as [string, Record<string, ContainerLife>, string[]][])('%s', (_fact, lives, steps) => {
    expect(stepsOf(recordOf(lives))).toEqual(steps);
  });

  it('stops main containers before sidecars, and kills all of them at the same time', () => {
    const record = recordOf({ side: running, main: running });
    record.stop = { sinceMs: 0, graceSeconds: 10 };
    expect(stepsOf(record)).toEqual(['signal main']);
    expect(stepsOf(record, 10_000)).toEqual(['signal side', 'signal main']);
  });
});

describe('the status of a task with init containers', () => {
  const statusOf = (lives: Record<string, ContainerLife>) => taskStatus(recordOf(lives), '', 0);
  const initialized = (lives: Record<string, ContainerLife>) =>
    statusOf(lives).conditions?.find(({ type }) => type === 'Initialized');

  it('is not Initialized until all have done their part', () => {
    expect(initialized({ init: running, main: waiting })).toMatchObject({
      status: 'False',
      message: 'containers with incomplete status: [init]',
    });
    expect(initialized({ init: ended(0), side: running, main: waiting })?.status).toBe('True');
  });

  it('tells of them apart from the others', () => {
    const status = statusOf({ init: ended(0), main: running });
    expect(status.initContainerStatuses).toMatchObject([{ name: 'init', ready: true }]);
    expect(status.containerStatuses).toMatchObject([{ name: 'main', ready: true }]);
    expect(status.phase).toBe('Running');
  });

  it('is Failed with the reason of the init container that failed', () => {
    const status = statusOf({ init: ended(3), main: ended(128) });
    expect(status).toMatchObject({ phase: 'Failed', reason: 'Error' });
    expect(status.message).toMatch(/exit code 3/);
  });

  it('is Succeeded whatever its sidecars say in the end', () => {
    expect(statusOf({ side: ended(143), main: ended(0) }).phase).toBe('Succeeded');
  });
});
