import { describe, expect, test } from 'vitest';
import { anyKind } from '../../../api/kinds/define-kind.ts';
import {
  isTerminal,
  statusCell,
  type Task,
  type TaskPhase,
  taskKind,
  taskPhases,
  taskTransitions,
} from '../../../api/kinds/task.ts';
import { hostPortKey } from '../../../api/kinds/task-spec.ts';
import type { AnyObject } from '../../../api/meta/object-meta.ts';
import { compileSchema } from '../../../api/server/schema.ts';

const schema = compileSchema(taskKind.schema);

function task(spec: object = {}, status: object = {}, metadata: object = {}): Task {
  const draft = {
    apiVersion: 'gantry.dev/v1',
    kind: 'Task',
    metadata: { name: 'web-0-0', namespace: 'default', ...metadata },
    spec: { containers: [{ name: 'main', image: 'busybox' }], ...spec },
    status,
  };
  schema.applyDefaults(draft as unknown as AnyObject);
  taskKind.strategy.applyDefaults?.(draft as unknown as Task);
  return draft as unknown as Task;
}

const withPhase = (phase: TaskPhase): Task => task({}, { phase });

describe('the phases of a task', () => {
  const legal = new Set([
    'Pending→Running',
    'Pending→Succeeded',
    'Pending→Failed',
    'Pending→Unknown',
    'Running→Succeeded',
    'Running→Failed',
    'Running→Unknown',
    'Unknown→Pending',
    'Unknown→Running',
    'Unknown→Succeeded',
    'Unknown→Failed',
  ]);
  const pairs = taskPhases.flatMap((from) => taskPhases.map((to) => [from, to] as const));

  test.each(pairs)('%s → %s', (from, to) => {
    const causes = taskKind.strategy.validateStatus?.(withPhase(to), withPhase(from)) ?? [];
    expect(causes.length === 0).toBe(from === to || legal.has(`${from}→${to}`));
  });

  test('end where nothing runs any more, and nowhere else', () => {
    for (const phase of taskPhases) expect(isTerminal(phase)).toBe(taskTransitions[phase].length === 0);
  });

  test('begin with Pending', () => {
    expect(task().status.phase).toBe('Pending');
  });
});

describe('a task', () => {
  test('is fixed after creation, but for its tolerations', () => {
    const validate = (next: Task, old: Task) =>
      anyKind(taskKind).strategy.validate?.(next as never, old as never) ?? [];
    const old = task();
    expect(validate(task(), old)).toEqual([]);
    expect(validate(task({ tolerations: [{ operator: 'Exists' }] }), old)).toEqual([]);
    for (const change of [{ nodeName: 'n1' }, { priority: 9 }, { restartPolicy: 'Never' }, { hostname: 'x' }])
      expect(validate(task(change), old)).toMatchObject([{ field: 'spec', reason: 'FieldValueForbidden' }]);
  });

  test('is the same in whatever order its fields are written', () => {
    const validate = taskKind.strategy.validate!;
    const old = task({ nodeName: 'n1', hostname: 'x' });
    const reordered = { ...old, spec: Object.fromEntries(Object.entries(old.spec).reverse()) } as never;
    expect(validate(reordered, old)).toEqual([]);
  });

  test('is given time to stop only where something runs', () => {
    const grace = (subject: Task) => taskKind.strategy.gracePeriodSeconds?.(subject);
    expect(grace(task())).toBe(0);
    expect(grace(task({ nodeName: 'n1' }))).toBe(30);
    expect(grace(task({ nodeName: 'n1', terminationGracePeriodSeconds: 5 }, { phase: 'Running' }))).toBe(5);
    expect(grace(task({ nodeName: 'n1' }, { phase: 'Unknown' }))).toBe(30);
    expect(grace(task({ nodeName: 'n1' }, { phase: 'Failed' }))).toBe(0);
  });

  test.each<[string, Task, string]>([
    ['waits for a node', task(), 'Pending'],
    ['is bound', task({ nodeName: 'n1' }), 'Starting'],
    ['runs', task({ nodeName: 'n1' }, { phase: 'Running' }), 'Running'],
    ['is over', task({ nodeName: 'n1' }, { phase: 'Succeeded' }), 'Succeeded'],
    ['ran out of memory', task({ nodeName: 'n1' }, { phase: 'Failed', reason: 'OOMKilled' }), 'OOMKilled'],
    [
      'crashes again and again',
      task(
        { nodeName: 'n1' },
        {
          phase: 'Running',
          containerStatuses: [
            {
              name: 'main',
              ready: false,
              restartCount: 3,
              state: { waiting: { reason: 'CrashLoopBackOff' } },
            },
          ],
        },
      ),
      'CrashLoopBackOff',
    ],
    ['is lost', task({ nodeName: 'n1' }, { phase: 'Unknown', reason: 'NodeLost' }), 'NodeLost'],
    [
      'is being stopped',
      task({ nodeName: 'n1' }, { phase: 'Running' }, { deletionTimestamp: '2030-01-01T00:00:00Z' }),
      'Terminating',
    ],
  ])('that %s is shown as such', (_name, subject, cell) => {
    expect(statusCell(subject)).toBe(cell);
  });

  test('asks for as much as its limit when it does not say how much', () => {
    const limits = { cpu: '1', memory: '64Mi' };
    const [container] = task({
      containers: [{ name: 'main', resources: { limits, requests: { cpu: '250m' } } }],
    }).spec.containers;
    expect(container?.resources.requests).toEqual({ cpu: '250m', memory: '64Mi' });
  });

  test('takes a port of its node per protocol', () => {
    expect(hostPortKey({ containerPort: 53, protocol: 'UDP' })).toBe('UDP/53');
    expect(hostPortKey({ containerPort: 80, hostPort: 8080, protocol: 'TCP' })).toBe('TCP/8080');
  });
});
