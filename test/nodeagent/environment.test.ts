import { describe, expect, it } from 'vitest';
import { environmentHook, ownVariables, serviceVariables } from '../../nodeagent/hooks/environment.ts';
import type { Start } from '../../nodeagent/hooks/hook.ts';
import { container, record, task, testUid } from '../kit/nodeagent-objects.ts';
import { service } from './dns/names.ts';

const node = { name: 'n1', address: '10.0.0.1' };

describe('the environment of a container', () => {
  it('says who and where the task is', () => {
    const of = task({ metadata: { name: 'web-3-1' }, spec: { index: 3, attempt: 1 } });
    expect(ownVariables({ task: of }, {}, node)).toMatchObject({
      GANTRY_TASK_NAME: 'web-3-1',
      GANTRY_TASK_NAMESPACE: 'default',
      GANTRY_TASK_INDEX: '3',
      GANTRY_TASK_ATTEMPT: '1',
      GANTRY_NODE_NAME: 'n1',
      GANTRY_JOB_NAME: 'web',
    });
  });

  it('names the ports that are taken on the node', () => {
    const { ports } = container({
      ports: [
        { name: 'web-ui', containerPort: 80, hostPort: 20_080, protocol: 'TCP' },
        { containerPort: 90, protocol: 'TCP' },
      ],
    });
    expect(ownVariables(record(), { ports }, node)).toMatchObject({ PORT: '20080', PORT_WEB_UI: '20080' });
  });

  it('names the services of the namespace that have an address', () => {
    const ports = [
      { name: 'http', port: 80, protocol: 'TCP' },
      { name: 'web-ui', port: 81, protocol: 'TCP' },
    ];
    const services = [
      service('my-db', { clusterIP: '10.96.0.7', ports }),
      service('h', { clusterIP: 'None' }),
    ];
    expect(serviceVariables(services)).toEqual({
      MY_DB_SERVICE_HOST: '10.96.0.7',
      MY_DB_SERVICE_PORT: '80',
      MY_DB_SERVICE_PORT_HTTP: '80',
      MY_DB_SERVICE_PORT_WEB_UI: '81',
    });
  });

  it("goes from the image over Gantry's own to the task's, which win", async () => {
    const start = {
      container: container({ env: [{ name: 'GANTRY_NODE_NAME', value: 'mine' }] }),
      imageConfig: { Env: ['PATH=/image', 'A=b=c', 'broken'] },
      record: record(),
      node,
      spec: {},
    } as unknown as Start;
    expect(await environmentHook(start)).toBeUndefined();
    expect(start.spec.env).toEqual(expect.arrayContaining(['PATH=/image', 'A=b=c', 'GANTRY_NODE_NAME=mine']));
    expect(start.spec.env?.filter((entry) => entry.startsWith('GANTRY_NODE_NAME='))).toHaveLength(1);
  });

  it('takes values from the task, and from ConfigMaps and Secrets', async () => {
    const field = (name: string, fieldPath: string) => ({
      name,
      value: '',
      valueFrom: { fieldRef: { fieldPath } },
    });
    const start = {
      container: container({
        envFrom: [{ prefix: 'P_', configMapRef: { name: 'c' } }],
        env: [
          field('NAME', 'metadata.name'),
          field('UID', 'metadata.uid'),
          field('TIER', "metadata.labels['tier']"),
          field('NODE', 'spec.nodeName'),
          { name: 'TOKEN', value: '', valueFrom: { secretKeyRef: { name: 's', key: 'token' } } },
          { name: 'P_b', value: 'own' },
          {
            name: 'NONE',
            value: '',
            valueFrom: { configMapKeyRef: { name: 'c', key: 'x', optional: true } },
          },
        ],
      }),
      imageConfig: {},
      record: record(task({ metadata: { labels: { tier: 'front' } } })),
      node,
      spec: {},
      volumes: configs({ c: { a: '1', b: '2', '0bad-\u00e9': '3' }, s: { token: 't' } }),
    } as unknown as Start;
    expect(await environmentHook(start)).toBeUndefined();
    const wanted = ['NAME=web-0-0', `UID=${testUid}`, 'TIER=front', 'NODE=n1', 'TOKEN=t', 'P_a=1', 'P_b=own'];
    expect(start.spec.env).toEqual(expect.arrayContaining(wanted));
    expect(start.spec.env?.some((entry) => entry.startsWith('NONE='))).toBe(false);
  });

  it.each([
    ['a key that is not there', { secretKeyRef: { name: 's', key: 'x' } }, /secret "s" has no key "x"/],
    ['an object that is not there', { configMapKeyRef: { name: 'x', key: 'x' } }, /x not found/],
    ['a value no variable can hold', { secretKeyRef: { name: 's', key: 'nul' } }, /NUL/],
  ])('says what is wrong with %s', async (_what, valueFrom, message) => {
    const start = {
      container: container({ env: [{ name: 'A', value: '', valueFrom }] }),
      ...{ imageConfig: {}, record: record(), node, spec: {} },
      volumes: configs({ s: { nul: 'a\0b' } }),
    } as unknown as Start;
    const refusal = await environmentHook(start);
    expect(refusal?.reason).toBe('CreateContainerConfigError');
    expect(refusal?.message).toMatch(message);
  });
});

function configs(objects: Record<string, Record<string, string>>) {
  return {
    config: async (_kind: string, name: string) => {
      const found = objects[name];
      if (!found) throw new Error(`${name} not found`);
      return new Map(Object.entries(found).map(([key, value]) => [key, Buffer.from(value)]));
    },
  };
}
