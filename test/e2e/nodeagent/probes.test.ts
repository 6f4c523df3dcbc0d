/** Probes of real containers: what they find out is in the task's status, and what is dead is restarted. */
import { readdirSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Task } from '../../../api/kinds/resources.ts';
import type { Probe } from '../../../api/kinds/task-probes.ts';
import { LocalAgent } from './local-agent.ts';
import { eventually } from './machine-traces.ts';

const probe = (changes: Partial<Probe>): Probe => ({
  ...{
    initialDelaySeconds: 0,
    periodSeconds: 1,
    timeoutSeconds: 1,
    successThreshold: 1,
    failureThreshold: 1,
  },
  ...changes,
});
const ready = ({ status }: Task): string | undefined =>
  status.conditions?.find(({ type }) => type === 'Ready')?.status;
const main = ({ status }: Task) => status.containerStatuses?.[0];

describe('probes', () => {
  const agent = new LocalAgent();
  beforeAll(() => agent.up());
  afterAll(() => agent.remove());

  it('by exec make a task ready, and not ready, and never restart it', async () => {
    const script = 'touch /ok; sleep 3; rm /ok; sleep 1000';
    const readinessProbe = probe({ exec: { command: ['cat', '/ok'] } });
    await agent.create('readiness', { command: ['sh', '-c', script], readinessProbe });
    await agent.until('readiness', 'ready', (task) => ready(task) === 'True');
    const later = await agent.until('readiness', 'not ready', (task) => ready(task) === 'False');
    expect(later.status.phase).toBe('Running');
    expect(main(later)).toMatchObject({ ready: false, started: true, restartCount: 0 });
    expect(agent.events.find(({ reason }) => reason === 'Unhealthy')?.message).toMatch(
      /readiness probe.*\/ok/,
    );
    await agent.delete('readiness');
  });

  it('by exec kill what does not answer in time, and restart a container that is dead', async () => {
    const livenessProbe = probe({ exec: { command: ['sleep', '54321'] }, initialDelaySeconds: 1 });
    await agent.create('liveness', { command: ['sleep', '1000'], livenessProbe });
    const restarted = await agent.until(
      'liveness',
      'restarted',
      (task) => (main(task)?.restartCount ?? 0) > 0,
    );
    expect(main(restarted)?.lastState?.terminated).toMatchObject({
      exitCode: 137,
      message: 'liveness probe failed: no answer within 1 s',
    });
    await eventually('the command of the first probe is gone', () => sleepers('54321').length <= 1);
    await agent.delete('liveness');
    expect(sleepers('54321')).toEqual([]);
  });

  it('by http hold liveness back until the startup probe passes', async () => {
    const port = await freePort();
    const httpGet = { path: '/index', port: 'web', scheme: 'HTTP' as const };
    const script = `sleep 2; echo hi > /tmp/index; exec httpd -f -h /tmp -p ${port}`;
    await agent.create('startup', {
      command: ['sh', '-c', script],
      ports: [{ name: 'web', containerPort: port, protocol: 'TCP' }],
      startupProbe: probe({ httpGet, failureThreshold: 20 }),
      livenessProbe: probe({ httpGet }),
    });
    expect(main(await agent.running('startup'))).toMatchObject({ started: false, ready: false });
    const started = await agent.until('startup', 'started', (task) => main(task)?.started === true);
    expect(main(started)).toMatchObject({ ready: true, restartCount: 0 });
    await agent.delete('startup');
  });

  it('go on under the next agent from where the last one left off', async () => {
    const port = await freePort();
    const readinessProbe = probe({ tcpSocket: { port }, periodSeconds: 2 });
    await agent.create('adopted', {
      command: ['httpd', '-f', '-p', `${port}`, '-h', '/tmp'],
      readinessProbe,
    });
    const before = await agent.until('adopted', 'ready', (task) => ready(task) === 'True');
    await agent.stop();
    await agent.up();
    const after = await agent.until('adopted', 'ready', (task) => ready(task) === 'True');
    expect(main(after)?.pid).toBe(main(before)?.pid);
    expect(readFileSync(`/proc/${main(after)?.pid}/cmdline`, 'utf8')).toMatch(/^httpd/);
    await agent.delete('adopted');
  });
});

function sleepers(seconds: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      } catch {
        return '';
      }
    })
    .filter((line) => line === `sleep ${seconds}`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
