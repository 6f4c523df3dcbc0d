/** The controllers as processes, against the real API server over TLS. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Job, Lease } from '../../api/kinds/resources.ts';
import { ControlPlane } from './control-plane.ts';

const eventually = { timeout: 15_000, interval: 50 };
const lease = { namespace: 'kube-system', name: 'gantry-controllers' };
const web = { namespace: 'default', name: 'web' };
const main = new URL('../../controllers/main.ts', import.meta.url).pathname;

let plane: ControlPlane;
let directory: string;
let children: ChildProcess[];

beforeEach(async () => {
  children = [];
  directory = await mkdtemp(join(tmpdir(), 'gantry-controllers-'));
  plane = await ControlPlane.start();
  await plane.listen(join(directory, 'kubeconfig'));
});

afterEach(async () => {
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
  await plane.stop();
  await rm(directory, { recursive: true, force: true });
});

function startProcess(...args: string[]): ChildProcess {
  const child = spawn(process.execPath, ['--import', 'tsx', main, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  children.push(child);
  return child;
}

function startCandidate(identity: string): ChildProcess {
  return startProcess('--kubeconfig', join(directory, 'kubeconfig'), '--identity', identity);
}

async function expectLeader(identity: string): Promise<void> {
  await vi.waitFor(async () => {
    expect((await plane.client.get(Lease, lease)).spec.holderIdentity).toBe(identity);
  }, eventually);
}

test('one candidate leads; when it is told to end, the next one goes on', async () => {
  const first = startCandidate('first');
  await expectLeader('first');
  startCandidate('second');
  const template = { spec: { containers: [{ name: 'main', command: ['sleep', '1d'] }] } };
  await plane.client.create(Job, {
    metadata: { ...web },
    spec: { type: 'Service', replicas: 1, template } as never,
  });
  await vi.waitFor(async () => expect(await plane.taskNames()).toEqual(['web-0-0']), eventually);

  first.kill('SIGTERM');
  expect(await once(first, 'exit')).toEqual([0, null]);
  await expectLeader('second');
  await plane.client.patch(Job, web, { type: 'merge', body: { spec: { replicas: 2 } } });
  await vi.waitFor(async () => expect(await plane.taskNames()).toEqual(['web-0-0', 'web-1-0']), eventually);
});

test('without a kubeconfig it says what is missing and ends with 1', async () => {
  const child = startProcess();
  let said = '';
  child.stderr?.on('data', (text: Buffer) => {
    said += text;
  });
  expect(await once(child, 'close')).toEqual([1, null]);
  expect(said).toContain('--kubeconfig is required');
});
