/** ConfigMaps and Secrets in real containers: as files that follow them, and as variables. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigMap, Secret, type Task } from '../../../api/kinds/resources.ts';
import { LocalAgent } from './local-agent.ts';
import { eventually, tracesOf } from './machine-traces.ts';

const sh = (script: string): string[] => ['sh', '-c', script];
const config = { namespace: 'default', name: 'config' };
const secret = { namespace: 'default', name: 'secret' };

describe('ConfigMaps and Secrets', () => {
  const agent = new LocalAgent();
  beforeAll(async () => {
    await agent.up();
    await agent.client.create(ConfigMap, {
      metadata: config,
      data: { greeting: 'hello', 'app.conf': 'x=1' },
    });
    const token = Buffer.from('s3cret').toString('base64');
    await agent.client.create(Secret, { metadata: secret, type: 'Opaque', data: { token } });
  });
  afterAll(() => agent.remove());

  const volumes = [
    { name: 'config', configMap: { name: 'config', defaultMode: 0o644 } },
    { name: 'secret', secret: { secretName: 'secret', defaultMode: 0o400 } },
  ];
  const volumeMounts = [
    { name: 'config', mountPath: '/config', readOnly: false },
    { name: 'secret', mountPath: '/secret', readOnly: false },
    { name: 'config', mountPath: '/etc/app.conf', readOnly: true, subPath: 'app.conf' },
  ];
  const logOf = (task: Task): string => readFileSync(agent.logOf(task, 'main'), 'utf8');
  const waitingReason = ({ status }: Task) => status.containerStatuses?.[0]?.state.waiting?.reason;

  it('are files, of which the secret ones are on no disk, and none can be written', async () => {
    const script =
      'cat /config/greeting /secret/token /etc/app.conf; mount | grep " /secret "; echo x > /config/y || echo refused';
    await agent.create('files', { command: sh(script), volumeMounts }, { volumes, restartPolicy: 'Never' });
    // What came in several writes may stand in several pieces (P) of a line.
    const log = logOf(await agent.over('files'));
    const text = log.replaceAll(/^\S+ std\w+ P (.*)\n/gm, '$1').replaceAll(/\d{4}-\S+ std\w+ F /g, '');
    expect(text).toMatch(/hellos3cretx=1/);
    expect(text).toMatch(/tmpfs on \/secret type tmpfs \(ro/);
    expect(text).toMatch(/refused/);
    await agent.delete('files');
    expect(tracesOf(agent.marker).filter((line) => line.includes('/volumes/'))).toEqual([]);
  });

  it('are variables', async () => {
    const env = [
      { name: 'TOKEN', value: '', valueFrom: { secretKeyRef: { name: 'secret', key: 'token' } } },
      { name: 'TASK', value: '', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    ];
    const envFrom = [{ prefix: 'C_', configMapRef: { name: 'config' } }];
    const command = sh('echo "$TOKEN $TASK $C_greeting"');
    await agent.create('variables', { command, env, envFrom }, { restartPolicy: 'Never' });
    expect(logOf(await agent.over('variables'))).toMatch(/s3cret variables hello/);
    await agent.delete('variables');
  });

  it('change under a running task, which is not restarted', async () => {
    await agent.create(
      'follows',
      { command: sh('while :; do cat /config/greeting; echo; sleep 0.2; done'), volumeMounts },
      { volumes },
    );
    const task = await agent.running('follows');
    await eventually('it reads the first', () => logOf(task).includes('hello'));
    await agent.client.patch(ConfigMap, config, {
      type: 'merge',
      body: { data: { greeting: 'good evening' } },
    });
    await eventually('it reads the second', () => logOf(task).includes('good evening'));
    expect((await agent.get('follows')).status.containerStatuses?.[0]?.restartCount).toBe(0);
    await agent.delete('follows');
    expect(tracesOf(agent.marker).filter((line) => line.includes('/volumes/'))).toEqual([]);
  });

  it('that are missing hold the task back, with the reason, until they come', async () => {
    const late = [{ name: 'late', configMap: { name: 'late', defaultMode: 0o644 } }];
    const mounts = [{ name: 'late', mountPath: '/late', readOnly: true }];
    await agent.create(
      'late',
      { command: sh('cat /late/a; sleep 1000'), volumeMounts: mounts },
      { volumes: late },
    );
    const held = await agent.until('late', 'held back', (task) => waitingReason(task) === 'FailedMount');
    expect(held.status.containerStatuses?.[0]?.state.waiting?.message).toBe('configmap "late" not found');
    await agent.client.create(ConfigMap, { metadata: { ...config, name: 'late' }, data: { a: 'b' } });
    await agent.running('late');
    await agent.delete('late');
  });

  it('that a variable needs hold the task back as well', async () => {
    const env = [{ name: 'A', value: '', valueFrom: { secretKeyRef: { name: 'secret', key: 'nothing' } } }];
    await agent.create('nokey', { command: ['true'], env });
    const held = await agent.until(
      'nokey',
      'held back',
      (task) => waitingReason(task) === 'CreateContainerConfigError',
    );
    expect(held.status.containerStatuses?.[0]?.state.waiting?.message).toBe(
      'secret "secret" has no key "nothing"',
    );
    await agent.delete('nokey');
  });
});
