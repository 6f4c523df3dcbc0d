/** How a PodDisruptionBudget stands, in its status. */
import { describe, expect, it } from 'vitest';
import type { Job, PodDisruptionBudget, Task } from '../../../api/kinds/resources.ts';
import { decideStatus } from '../../../controllers/disruption/decide.ts';

const nowMs = Date.parse('2026-01-01T00:00:00Z');

const budget = (spec: object, status: object = {}): PodDisruptionBudget =>
  ({ metadata: { name: 'web', generation: 3 }, spec, status }) as unknown as PodDisruptionBudget;

const job = (spec: object): Job =>
  ({ metadata: { name: 'web' }, spec: { type: 'Service', ...spec }, status: {} }) as unknown as Job;

const tasks = (...phases: string[]): Task[] =>
  phases.map((phase) => ({ metadata: {}, spec: { job: 'web' }, status: { phase } })) as unknown as Task[];

const statusOf = (spec: object, members: Task[], of?: Job) =>
  decideStatus(budget(spec), { tasks: members, jobOf: () => of, nowMs });

describe('the status of a budget', () => {
  it('says how many there should be, must be and are, and how many may go', () => {
    const members = tasks('Running', 'Running', 'Running', 'Pending', 'Failed');
    expect(statusOf({ maxUnavailable: 2 }, members, job({ replicas: 4 }))).toMatchObject({
      observedGeneration: 3,
      expectedPods: 4,
      desiredHealthy: 2,
      currentHealthy: 3,
      disruptionsAllowed: 1,
      conditions: [{ type: 'DisruptionAllowed', status: 'True', reason: 'SufficientPods' }],
    });
  });

  it('of a plain minAvailable counts the tasks there are, whosever they are', () => {
    expect(statusOf({ minAvailable: 2 }, tasks('Running', 'Running'))).toMatchObject({
      expectedPods: 2,
      disruptionsAllowed: 0,
      conditions: [{ status: 'False', reason: 'InsufficientPods' }],
    });
  });

  it('says that it cannot tell where tasks belong to no job', () => {
    expect(statusOf({ maxUnavailable: 1 }, tasks('Running'))).toMatchObject({
      disruptionsAllowed: 0,
      conditions: [{ status: 'False', reason: 'SyncFailed' }],
    });
  });

  it('of a suspended job allows nothing, for there is nothing to disrupt', () => {
    expect(statusOf({ maxUnavailable: 1 }, [], job({ replicas: 3, suspend: true }))).toMatchObject({
      expectedPods: 0,
      disruptionsAllowed: 0,
    });
  });

  it('stays the same when it is worked out again', () => {
    const first = statusOf({ minAvailable: 1 }, tasks('Running', 'Running'));
    const again = decideStatus(budget({ minAvailable: 1 }, first), {
      tasks: tasks('Running', 'Running'),
      jobOf: () => undefined,
      nowMs: nowMs + 60_000,
    });
    expect(again).toEqual(first);
  });
});
