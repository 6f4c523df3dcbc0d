/** Small facts of the job controller, one by one. */
import { describe, expect, test } from 'vitest';
import type { Job } from '../../../api/kinds/resources.ts';
import { disconnectedCondition } from '../../../api/kinds/task-phase.ts';
import { resolveCount } from '../../../api/meta/percent.ts';
import { formatRanges, parseRanges } from '../../../controllers/job/index-ranges.ts';
import { updateLimits } from '../../../controllers/job/plan-service.ts';
import { retryDelayMs } from '../../../controllers/job/slots.ts';
import { taskDraft, templateHash } from '../../../controllers/job/task-template.ts';
import { newJob, templateOf, World } from './world.ts';

test.each([
  ['', []],
  ['0', [0]],
  ['0-3', [0, 1, 2, 3]],
  ['0-1,3,7-8', [0, 1, 3, 7, 8]],
])('%j stands for the indexes %j', (text, indexes) => {
  expect(formatRanges(new Set(indexes))).toBe(text);
  expect([...parseRanges(text, 100)]).toEqual(indexes);
});

test.each([
  ['0-999999999999', [0, 1, 2]],
  ['5', []],
  ['2-1', []],
  ['a,1,-2,1-b', [1]],
])('of the ranges %j only what makes sense below 3 is read', (text, indexes) => {
  expect([...parseRanges(text, 3)]).toEqual(indexes);
});

test.each<[number | string, number, 'up' | 'down', number]>([
  [2, 10, 'up', 2],
  ['25%', 10, 'up', 3],
  ['25%', 10, 'down', 2],
  ['100%', 3, 'down', 3],
  ['1%', 3, 'down', 0],
  ['1%', 3, 'up', 1],
  ['50%', 0, 'up', 0],
])('%s of %i, rounded %s, is %i', (value, whole, round, expected) => {
  expect(resolveCount(value, whole, round)).toBe(expected);
});

test('limits that both round to nothing let one task be down', () => {
  const job = newJob({ type: 'Service', update: { maxUnavailable: '10%', maxSurge: 0, minReadySeconds: 0 } });
  expect(updateLimits(job, 3)).toEqual({ maxSurge: 0, maxUnavailable: 1 });
});

test('retries wait 10 s, then twice as long each time, at most 6 minutes', () => {
  const delays = [1, 2, 3, 4, 5, 6, 7, 100].map((failures) => retryDelayMs(failures) / 1000);
  expect(delays).toEqual([10, 20, 40, 80, 160, 320, 360, 360]);
});

describe('the template hash', () => {
  const job = newJob({ type: 'Service' });

  test('does not depend on the order of keys', () => {
    const { metadata, spec } = job.spec.template;
    const reordered = {
      spec: Object.fromEntries(Object.entries(spec).reverse()),
      metadata,
    } as Job['spec']['template'];
    expect(templateHash({ ...job, spec: { ...job.spec, template: reordered } })).toBe(templateHash(job));
  });

  test('changes with the template and with the priority class, not with the number of replicas', () => {
    const withSpec = (spec: Partial<Job['spec']>): Job => ({ ...job, spec: { ...job.spec, ...spec } });
    expect(templateHash(withSpec({ replicas: 7 }))).toBe(templateHash(job));
    expect(templateHash(withSpec({ template: templateOf('v2') }))).not.toBe(templateHash(job));
    expect(templateHash(withSpec({ priorityClassName: 'production' }))).not.toBe(templateHash(job));
  });
});

test('a task knows the gang it belongs to', () => {
  const job = newJob({ type: 'Service', gang: { minMember: 1 } });
  expect(taskDraft(job, { type: 'create', index: 0, attempt: 0, failures: 0 }).spec?.gang).toEqual({
    minMember: 1,
  });
});

test('a task inherits labels, annotations and priority, and says whose it is', () => {
  const job = newJob({ type: 'Service', priorityClassName: 'production' });
  job.spec.template.metadata.annotations = { note: 'kept' };
  const draft = taskDraft(job, { type: 'create', index: 3, attempt: 2, failures: 1 });
  expect(draft.metadata).toMatchObject({
    name: 'web-3-2',
    namespace: 'default',
    labels: { version: 'v1', 'gantry.dev/job': 'web', 'gantry.dev/index': '3' },
    annotations: { note: 'kept', 'gantry.dev/index-failure-count': '1' },
    ownerReferences: [{ kind: 'Job', name: 'web', uid: 'uid-web', controller: true }],
  });
  expect(draft.spec).toMatchObject({ priorityClassName: 'production', job: 'web', index: 3, attempt: 2 });
});

describe('an Unknown task', () => {
  function worldWithSilentTask(disconnected: 'True' | 'False' | undefined): World {
    const world = new World(newJob({ type: 'Service' }));
    world.reconcile();
    world.report('web-0-0', 'Unknown');
    const task = world.tasks.get('web-0-0');
    if (!task) throw new Error('there is a task');
    const conditions = (task.status.conditions ?? []).flatMap((condition) => {
      if (condition.type !== disconnectedCondition) return [condition];
      return disconnected === undefined ? [] : [{ ...condition, status: disconnected }];
    });
    world.put({ ...task, status: { ...task.status, conditions } });
    world.nowMs += 3_600_000;
    return world;
  }

  test('whose node is given up is replaced', () => {
    expect(
      worldWithSilentTask('True')
        .decide()
        .actions.map(({ type }) => type),
    ).toEqual(['delete', 'create']);
  });

  test.each(['False', undefined] as const)('with Disconnected=%s is waited for without end', (status) => {
    expect(worldWithSilentTask(status).decide().actions).toEqual([]);
  });
});

test('a job that is going decides nothing: the collector ends its tasks', () => {
  const job = newJob({ type: 'Service', replicas: 3 });
  const world = new World({
    ...job,
    metadata: { ...job.metadata, deletionTimestamp: '2030-01-01T00:00:00Z' },
  });
  expect(world.decide()).toEqual({ actions: [], status: job.status });
});

test('an agent whose clock is ahead does not make a pause longer', () => {
  const world = new World(newJob({ type: 'Batch' }));
  world.reconcile();
  world.nowMs += 3_600_000;
  world.report('web-0-0', 'Failed');
  world.nowMs -= 3_600_000;
  expect(world.decide().requeueAfterMs).toBe(10_000);
});
