import { describe, expect, test } from 'vitest';
import { type Task, taskKind } from '../../../api/kinds/task.ts';
import type { AnyObject } from '../../../api/meta/object-meta.ts';
import { compileSchema } from '../../../api/server/schema.ts';

const schema = compileSchema(taskKind.schema);

function taskWith(container: object, spec: object = {}): Task {
  const ports = [{ name: 'web', containerPort: 80 }];
  const draft = {
    ...{ apiVersion: 'gantry.dev/v1', kind: 'Task', metadata: { name: 't', namespace: 'default' } },
    spec: { containers: [{ name: 'main', image: 'busybox', ports, ...container }], ...spec },
  };
  schema.applyDefaults(draft as unknown as AnyObject);
  return draft as unknown as Task;
}

describe('probes', () => {
  test('have the defaults of Kubernetes', () => {
    const { livenessProbe } = taskWith({ livenessProbe: { httpGet: { port: 'web' } } }).spec.containers[0]!;
    expect(livenessProbe).toEqual({
      httpGet: { port: 'web', path: '/', scheme: 'HTTP' },
      ...{
        initialDelaySeconds: 0,
        periodSeconds: 10,
        timeoutSeconds: 1,
        successThreshold: 1,
        failureThreshold: 3,
      },
    });
  });

  const get = { port: 80 };
  test.each([
    ['no handler', { livenessProbe: {} }, 'livenessProbe', /exactly one handler.*has 0/],
    ['two handlers', { livenessProbe: { httpGet: get, tcpSocket: get } }, 'livenessProbe', /has 2/],
    [
      'an unknown port name',
      { startupProbe: { tcpSocket: { port: 'db' } } },
      'startupProbe.tcpSocket.port',
      /no port named db/,
    ],
    [
      'a port name that is none',
      { startupProbe: { tcpSocket: { port: '80 ' } } },
      'startupProbe.tcpSocket.port',
      /./,
    ],
    [
      'a liveness success threshold',
      { livenessProbe: { httpGet: get, successThreshold: 2 } },
      'livenessProbe.successThreshold',
      /must be 1/,
    ],
    [
      'a grace for readiness',
      { readinessProbe: { httpGet: get, terminationGracePeriodSeconds: 1 } },
      'readinessProbe.terminationGracePeriodSeconds',
      /never ends/,
    ],
    [
      'a relative path',
      { livenessProbe: { httpGet: { ...get, path: 'x' } } },
      'livenessProbe.httpGet.path',
      /begin with/,
    ],
    [
      'a path with a line feed',
      { livenessProbe: { httpGet: { ...get, path: '/a\nb' } } },
      'livenessProbe.httpGet.path',
      /control/,
    ],
    [
      'a header that ends early',
      { livenessProbe: { httpGet: { ...get, httpHeaders: [{ name: 'a', value: 'b\r\nc: d' }] } } },
      'livenessProbe.httpGet.httpHeaders[0].value',
      /character/,
    ],
    [
      'a header without a name',
      { livenessProbe: { httpGet: { ...get, httpHeaders: [{ name: '', value: '' }] } } },
      'livenessProbe.httpGet.httpHeaders[0].name',
      /HTTP header/,
    ],
    [
      'a NUL in a command',
      { livenessProbe: { exec: { command: ['a\0b'] } } },
      'livenessProbe.exec.command',
      /NUL/,
    ],
  ] as [string, object, string, RegExp][])('with %s are refused', (_what, container, field, message) => {
    const causes = taskKind.strategy.validate?.(taskWith(container), undefined) ?? [];
    expect(causes.map((cause) => cause.field)).toEqual([`spec.containers[0].${field}`]);
    expect(causes[0]?.message).toMatch(message);
  });
});

describe('lifecycle hooks', () => {
  const fieldsOf = (container: object) =>
    (taskKind.strategy.validate?.(taskWith(container), undefined) ?? []).map(({ field }) => field);

  test('have one handler, of which sleep is one', () => {
    expect(fieldsOf({ lifecycle: { preStop: { sleep: { seconds: 1 } } } })).toEqual([]);
    expect(
      fieldsOf({
        lifecycle: { preStop: {}, postStart: { sleep: { seconds: 1 }, exec: { command: ['a'] } } },
      }),
    ).toEqual(['spec.containers[0].lifecycle.postStart', 'spec.containers[0].lifecycle.preStop']);
  });

  test.each(['relative', '/../etc/passwd', '/a/../../b'])(
    'take no last words from %s',
    (terminationMessagePath) => {
      expect(fieldsOf({ terminationMessagePath })).toEqual(['spec.containers[0].terminationMessagePath']);
    },
  );
});

describe('init containers', () => {
  const livenessProbe = { exec: { command: ['true'] } };
  const fieldsOf = (...initContainers: object[]) =>
    (taskKind.strategy.validate?.(taskWith({}, { initContainers }), undefined) ?? []).map(
      ({ field }) => field,
    );

  test('take no name of another container', () => {
    expect(
      fieldsOf({ name: 'main', image: 'a' }, { name: 'b', image: 'a' }, { name: 'b', image: 'a' }),
    ).toEqual(['spec.initContainers[0].name', 'spec.initContainers[2].name']);
  });

  test('are probed only when they stay', () => {
    expect(fieldsOf({ name: 'a', image: 'a', livenessProbe })).toEqual([
      'spec.initContainers[0].livenessProbe',
    ]);
    expect(fieldsOf({ name: 'a', image: 'a', livenessProbe, restartPolicy: 'Always' })).toEqual([]);
  });
});
