/** How a task's programs reach the API: tokens that are kept and renewed in time, and where clients look for them. */
import { beforeEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../api/meta/clock.ts';
import type { NodeFacts } from '../../nodeagent/hooks/hook.ts';
import { ApiAccess, apiAccessMounts, hasApiAccess } from '../../nodeagent/volumes/api-access.ts';
import { record, task } from '../kit/nodeagent-objects.ts';

const own = record(task({ spec: { serviceAccountName: 'robot' } }));
const wish = { expirationSeconds: 1000 };

let asked: { path: string; options: { body?: unknown } }[] = [];
let isDown = false;
let clock: VirtualClock;
let access: ApiAccess;
beforeEach(() => {
  asked = [];
  isDown = false;
  clock = new VirtualClock();
  const raw = async (path: string, options = {}): Promise<unknown> => {
    asked.push({ path, options });
    if (isDown) throw new Error('nobody answers');
    return { status: { token: `token ${asked.length}` } };
  };
  const server = 'https://10.0.0.1:6443';
  access = new ApiAccess({ client: { raw }, server, certificateAuthority: 'CA', clock });
});

describe('a token', () => {
  it('is asked for once, for the account and bound to the task, and anew when four fifths of its time are over', async () => {
    expect(await access.token(own, wish)).toBe('token 1');
    await clock.advance(799_000);
    expect(await access.token(own, wish)).toBe('token 1');
    await clock.advance(2_000);
    expect(await access.token(own, wish)).toBe('token 2');
    const { namespace, name, uid } = own.task.metadata;
    expect(asked[0]?.path).toBe(`/api/v1/namespaces/${namespace}/serviceaccounts/robot/token`);
    expect(asked[0]?.options.body).toMatchObject({
      spec: { expirationSeconds: 1000, boundObjectRef: { kind: 'Pod', name, uid } },
    });
  });

  it('is another for another audience or task', async () => {
    const other = { ...own, uid: 'another' };
    const tokens = [
      await access.token(own, wish),
      await access.token(own, { ...wish, audience: 'vault' }),
      await access.token(other, wish),
    ];
    expect(new Set(tokens).size).toBe(3);
  });

  it('that could not be had is asked for again', async () => {
    isDown = true;
    await expect(access.token(own, wish)).rejects.toThrow('nobody answers');
    isDown = false;
    expect(await access.token(own, wish)).toBe('token 2');
  });
});

it('clients find the address of the API in the environment', () => {
  expect(access.variables).toMatchObject({
    KUBERNETES_SERVICE_HOST: '10.0.0.1',
    KUBERNETES_SERVICE_PORT: '6443',
  });
});

it.each([
  [true, { serviceAccountName: 'robot' }],
  [false, { serviceAccountName: 'robot', automountServiceAccountToken: false }],
  [false, {}],
])('it is %s that a task with %j gets one by itself', (expected, spec) => {
  const node = { apiAccess: access, cgroups: {} } as NodeFacts;
  expect(hasApiAccess(node, spec)).toBe(expected);
  expect(hasApiAccess({ apiAccess: access }, spec)).toBe(false);
});

it('a container that has mounted something in its place keeps that', () => {
  const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
  expect(apiAccessMounts({})).toMatchObject([{ mountPath, readOnly: true }]);
  expect(apiAccessMounts({ volumeMounts: [{ name: 'v', mountPath, readOnly: true }] })).toEqual([]);
});
