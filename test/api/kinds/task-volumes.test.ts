import { describe, expect, test } from 'vitest';
import { type Task, taskKind } from '../../../api/kinds/task.ts';
import type { AnyObject } from '../../../api/meta/object-meta.ts';
import { compileSchema } from '../../../api/server/schema.ts';

const schema = compileSchema(taskKind.schema);

function causesOf(container: object, volumes: object[] = [{ name: 'data', emptyDir: {} }]): string[] {
  const draft = {
    ...{ apiVersion: 'gantry.dev/v1', kind: 'Task', metadata: { name: 't', namespace: 'default' } },
    spec: { containers: [{ name: 'main', image: 'busybox', ...container }], volumes },
  };
  schema.applyDefaults(draft as unknown as AnyObject);
  const causes = taskKind.strategy.validate?.(draft as unknown as Task, undefined) ?? [];
  return causes.map(({ field }) => field ?? '');
}
const mount = (changes: object) => ({ volumeMounts: [{ name: 'data', mountPath: '/data', ...changes }] });

describe('volumes', () => {
  test('of every kind are taken', () => {
    const volumes = [
      { name: 'data', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
      { name: 'host', hostPath: { path: '/srv', type: 'Directory' } },
      { name: 'config', configMap: { name: 'c', items: [{ key: 'a', path: 'b/c' }] } },
      { name: 'secret', secret: { secretName: 's', defaultMode: 0o400 } },
    ];
    expect(causesOf(mount({ subPath: 'a/b', readOnly: true }), volumes)).toEqual([]);
  });

  test.each([
    ['no source', { name: 'data' }, 'spec.volumes[0]'],
    ['two sources', { name: 'data', emptyDir: {}, hostPath: { path: '/a' } }, 'spec.volumes[0]'],
    ['a name that is none', { name: 'A/b', emptyDir: {} }, 'spec.volumes[0].name'],
    ['no room', { name: 'data', emptyDir: { sizeLimit: '0' } }, 'spec.volumes[0].emptyDir.sizeLimit'],
    ['a relative host path', { name: 'data', hostPath: { path: 'a' } }, 'spec.volumes[0].hostPath.path'],
    ['a host path upwards', { name: 'data', hostPath: { path: '/a/../b' } }, 'spec.volumes[0].hostPath.path'],
    [
      'a name no ConfigMap has',
      { name: 'data', configMap: { name: 'A/b' } },
      'spec.volumes[0].configMap.name',
    ],
    [
      'a file upwards',
      { name: 'data', secret: { secretName: 's', items: [{ key: 'a', path: '../b' }] } },
      'spec.volumes[0].secret.items[0].path',
    ],
    [
      "a file in the agent's place",
      { name: 'data', secret: { secretName: 's', items: [{ key: 'a', path: '..data' }] } },
      'spec.volumes[0].secret.items[0].path',
    ],
    ['the whole host', { name: 'data', hostPath: { path: '/' } }, 'spec.volumes[0].hostPath.path'],
  ])('with %s are refused', (_what, volume, field) => {
    expect(causesOf({}, [volume])).toEqual([field]);
  });

  test('have names of their own', () => {
    expect(
      causesOf({}, [
        { name: 'a', emptyDir: {} },
        { name: 'a', emptyDir: {} },
      ]),
    ).toEqual(['spec.volumes[1].name']);
  });
});

describe('mounts', () => {
  test.each([
    ['an unknown volume', { name: 'other' }, 'name'],
    ['a relative path', { mountPath: 'data' }, 'mountPath'],
    ['the root', { mountPath: '/' }, 'mountPath'],
    ['the root in disguise', { mountPath: '/./' }, 'mountPath'],
    ['a path upwards', { mountPath: '/a/../..' }, 'mountPath'],
    ['the kernel\u2019s files', { mountPath: '/proc/sys' }, 'mountPath'],
    ['a sub path upwards', { subPath: 'a/../../b' }, 'subPath'],
    ['an absolute sub path', { subPath: '/etc' }, 'subPath'],
    ['an empty sub path', { subPath: '' }, 'subPath'],
  ])('of or at %s are refused', (_what, changes, field) => {
    expect(causesOf(mount(changes))).toEqual([`spec.containers[0].volumeMounts[0].${field}`]);
  });

  test('do not hide each other', () => {
    const one = { name: 'data', mountPath: '/data' };
    expect(causesOf({ volumeMounts: [one, one] })).toEqual(['spec.containers[0].volumeMounts[1].mountPath']);
  });
});

describe('variables taken from the task', () => {
  const variable = (valueFrom: object, more: object = {}) =>
    causesOf({ env: [{ name: 'A', valueFrom, ...more }] });

  test.each([
    'metadata.name',
    'metadata.namespace',
    'metadata.uid',
    "metadata.labels['gantry.dev/job']",
    "metadata.annotations['a']",
    'spec.nodeName',
    'status.hostIP',
  ])('know %s', (fieldPath) => {
    expect(variable({ fieldRef: { fieldPath } })).toEqual([]);
  });

  test.each(['metadata.labels', "metadata.labels['']", 'spec.containers', 'status.phase', ''])(
    'do not know %s',
    (fieldPath) => {
      expect(variable({ fieldRef: { fieldPath } })).toEqual([
        'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath',
      ]);
    },
  );

  test('have one source, and no value besides', () => {
    expect(variable({})).toEqual(['spec.containers[0].env[0].valueFrom']);
    const fieldRef = { fieldPath: 'metadata.name' };
    expect(variable({ fieldRef }, { value: 'x' })).toEqual(['spec.containers[0].env[0].valueFrom']);
  });
});
