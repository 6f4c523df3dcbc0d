import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestServer } from '../test-server.ts';

const label = (mode: string): string => `pod-security.kubernetes.io/${mode}`;
const strict = {
  runAsNonRoot: true,
  runAsUser: 7,
  capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
};

describe('the security level of a namespace', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await TestServer.start();
    for (const level of ['privileged', 'restricted'])
      await server.post('/api/v1/namespaces', {
        metadata: { name: level, labels: { [label('enforce')]: level } },
      });
    await server.post('/api/v1/namespaces', {
      metadata: { name: 'warned', labels: { [label('warn')]: 'restricted' } },
    });
  });
  afterAll(() => server.close());

  const create = (namespace: string, securityContext: object, more: object = {}) =>
    server.post(`/apis/gantry.dev/v1/namespaces/${namespace}/jobs`, {
      metadata: { generateName: 'job-' },
      spec: {
        template: {
          spec: { containers: [{ name: 'main', image: 'busybox', securityContext }], ...more },
        },
      },
    });

  it.each([
    ['default', {}],
    ['default', { capabilities: { add: ['CHOWN'], drop: ['KILL'] } }],
    ['privileged', { privileged: true }],
    ['restricted', strict],
  ])('%s lets %j in', async (namespace, securityContext) => {
    expect((await create(namespace, securityContext)).status).toBe(201);
  });

  it.each([
    ['default', { privileged: true }, 'privileged: must not be true'],
    ['default', { capabilities: { add: ['SYS_ADMIN'] } }, 'capabilities.add: must not include SYS_ADMIN'],
    ['default', { procMount: 'Unmasked' }, 'procMount: must be Default'],
    ['default', { seccompProfile: { type: 'Unconfined' } }, 'seccompProfile.type: must not be Unconfined'],
    ['restricted', {}, 'runAsNonRoot: must be true'],
    ['restricted', { ...strict, allowPrivilegeEscalation: true }, 'allowPrivilegeEscalation: must be false'],
    ['restricted', { ...strict, capabilities: {} }, 'capabilities.drop: must include ALL'],
    ['restricted', { ...strict, runAsUser: 0 }, 'runAsUser: must not be 0'],
  ])('%s refuses %j, and names the field', async (namespace, securityContext, problem) => {
    const { status, body } = await create(namespace, securityContext);
    expect(status).toBe(403);
    expect(body.message).toContain(`spec.template.spec.containers[0].securityContext.${problem}`);
  });

  it('refuses files of the node unless it is privileged', async () => {
    const volumes = [{ name: 'host', hostPath: { path: '/srv' } }];
    expect((await create('default', {}, { volumes })).body.message).toContain(
      'spec.template.spec.volumes[0].hostPath',
    );
    expect((await create('privileged', {}, { volumes })).status).toBe(201);
  });

  it('may only warn', async () => {
    const { status, headers } = await create('warned', {});
    expect(status).toBe(201);
    expect(String(headers['warning'])).toContain('would violate security level restricted');
  });

  it('is one of three', async () => {
    const metadata = { name: 'odd', labels: { [label('enforce')]: 'lenient' } };
    const { status, body } = await server.post('/api/v1/namespaces', { metadata });
    expect(status).toBe(422);
    expect(body.message).toContain('privileged, baseline, restricted');
  });
});
