import { describe, expect, test } from 'vitest';
import { isFinished, type Job, jobKind, wantedTasks } from '../../../api/kinds/job.ts';
import type { AnyObject } from '../../../api/meta/object-meta.ts';
import { compileSchema } from '../../../api/server/schema.ts';

const schema = compileSchema(jobKind.schema);

function job(spec: object = {}, status: object = {}): Job {
  const draft = {
    apiVersion: 'gantry.dev/v1',
    kind: 'Job',
    metadata: { name: 'web', namespace: 'default' },
    spec: { template: { spec: { containers: [{ name: 'main', image: 'busybox' }] } }, ...spec },
    status,
  };
  schema.applyDefaults(draft as unknown as AnyObject);
  jobKind.strategy.applyDefaults?.(draft as unknown as Job);
  return draft as unknown as Job;
}

const causes = (next: Job, old?: Job): string[] =>
  (jobKind.strategy.validate?.(next, old) ?? []).map(({ field, message }) => `${field}: ${message}`);

describe('a job', () => {
  test('is a batch of one unless it says otherwise', () => {
    expect(job().spec).toMatchObject({ type: 'Batch', completions: 1, backoffLimit: 6 });
    expect(job().spec.template.spec.restartPolicy).toBe('Never');
    expect(job({ type: 'Service' }).spec).toMatchObject({ replicas: 1 });
    expect(job({ type: 'Service' }).spec.template.spec.restartPolicy).toBe('Always');
  });

  test('wants as many tasks as it has replicas or completions', () => {
    expect(wantedTasks(job({ type: 'Service', replicas: 3 }))).toBe(3);
    expect(wantedTasks(job({ type: 'Service', replicas: 0 }))).toBe(0);
    expect(wantedTasks(job({ completions: 7, parallelism: 2 }))).toBe(7);
  });

  test('is scaled by replicas when it is a service, by parallelism when it is a batch', () => {
    const { scale } = jobKind;
    const service = scale!.withReplicas(job({ type: 'Service', replicas: 1 }), 5);
    expect([service.spec.replicas, scale!.specReplicas(service)]).toEqual([5, 5]);
    const batch = scale!.withReplicas(job({ completions: 9 }), 3);
    expect([batch.spec.completions, batch.spec.parallelism, scale!.specReplicas(batch)]).toEqual([9, 3, 3]);
    expect(causes(batch)).toEqual([]);
    expect(scale!.selector(batch)).toBe('gantry.dev/job=web');
  });

  test('whose gang is larger than what may be there at once would never start', () => {
    expect(causes(job({ completions: 4, gang: { minMember: 4 } }))).toEqual([]);
    expect(causes(job({ completions: 4, parallelism: 3, gang: { minMember: 4 } }))).toEqual([
      'spec.gang.minMember: must not exceed 3, the tasks that may be there at once: none would ever start',
    ]);
    expect(causes(job({ type: 'Service', replicas: 0, gang: { minMember: 4 } }))).toEqual([]);
  });

  test.each<[string, object, object, RegExp | undefined]>([
    [
      'the replicas of a service',
      { type: 'Service', replicas: 1 },
      { type: 'Service', replicas: 2 },
      undefined,
    ],
    [
      'the template of a service',
      { type: 'Service' },
      { type: 'Service', template: { spec: { containers: [{ name: 'main', image: 'other' }] } } },
      undefined,
    ],
    ['the run policy', { runPolicy: 'AtMostOnce' }, {}, /spec\.runPolicy: cannot be changed/],
    ['the type', { type: 'Service' }, {}, /spec\.type: cannot be changed/],
    ['the parallelism of a batch', {}, { parallelism: 4 }, undefined],
    [
      'the gang',
      { completions: 4, gang: { minMember: 4 } },
      { completions: 4, gang: { minMember: 2 } },
      /spec\.gang: cannot be changed/,
    ],
    ['the completions of a batch', {}, { completions: 4 }, /spec\.completions/],
    [
      'the template of a batch',
      {},
      { template: { spec: { containers: [{ name: 'main', image: 'other' }] } } },
      /spec\.template/,
    ],
  ])('may change %s only where that makes sense', (_name, before, after, problem) => {
    const found = causes(job(after), job(before)).join('\n');
    if (problem) expect(found).toMatch(problem);
    else expect(found).toBe('');
  });

  test.each<[string, object, RegExp]>([
    ['a service that ends', { type: 'Service', completions: 3 }, /has no meaning in a Service job/],
    [
      'a service that restarts nothing',
      {
        type: 'Service',
        template: { spec: { restartPolicy: 'Never', containers: [{ name: 'a', image: 'a' }] } },
      },
      /must be Always/,
    ],
    [
      'labels that are Gantry’s own',
      {
        template: {
          metadata: { labels: { 'gantry.dev/job': 'x' } },
          spec: { containers: [{ name: 'a', image: 'a' }] },
        },
      },
      /is set by Gantry/,
    ],
    [
      'a container of nothing',
      { template: { spec: { containers: [{ name: 'a' }] } } },
      /command: is required when there is no image/,
    ],
    [
      'two containers on one port',
      {
        template: {
          spec: {
            containers: ['a', 'b'].map((name) => ({ name, image: 'a', ports: [{ containerPort: 80 }] })),
          },
        },
      },
      /port TCP\/80 is used twice/,
    ],
    [
      'a relative working directory',
      { template: { spec: { containers: [{ name: 'a', image: 'a', workingDir: '../etc' }] } } },
      /absolute path/,
    ],
    [
      'half a device',
      {
        template: {
          spec: {
            containers: [{ name: 'a', image: 'a', resources: { limits: { 'example.com/gpu': '500m' } } }],
          },
        },
      },
      /whole number/,
    ],
    [
      'two tasks of an index that may run at most once',
      { type: 'Service', runPolicy: 'AtMostOnce', update: { maxSurge: 1 } },
      /spec\.update\.maxSurge: must be 0 with runPolicy AtMostOnce/,
    ],
    [
      'a toleration with a value for everything',
      {
        template: {
          spec: {
            tolerations: [{ operator: 'Exists', key: 'a', value: 'b' }],
            containers: [{ name: 'a', image: 'a' }],
          },
        },
      },
      /must be empty when operator is Exists/,
    ],
  ])('refuses %s', (_name, spec, problem) => {
    expect(causes(job(spec)).join('\n')).toMatch(problem);
  });

  test('is finished when it is Complete or Failed', () => {
    const withCondition = (type: string, status: string) => job({}, { conditions: [{ type, status }] });
    expect(isFinished(job())).toBe(false);
    expect(isFinished(withCondition('Complete', 'True'))).toBe(true);
    expect(isFinished(withCondition('Failed', 'True'))).toBe(true);
    expect(isFinished(withCondition('Failed', 'False'))).toBe(false);
  });
});
