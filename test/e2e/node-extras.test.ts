/** What nodes give to who asks: parts of GPUs from CDI files, cores of one's own, and a way to the API. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Node, Task } from '../../api/kinds/resources.ts';
import { eventually, LocalCluster } from './local-cluster.ts';

const gpus = {
  cdiVersion: '0.6.0',
  kind: 'example.com/gpu',
  devices: ['g0', 'g1'].map((name) => ({
    name,
    containerEdits: {
      env: [`GPU=${name}`],
      deviceNodes: [{ path: `/dev/${name}`, hostPath: '/dev/null' }],
    },
  })),
};

function task(name: string, amounts: Record<string, string>, more: object = {}): object {
  const resources = { limits: amounts };
  return {
    apiVersion: 'gantry.dev/v1',
    kind: 'Task',
    metadata: { name },
    spec: {
      ...more,
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'main', command: ['sleep', '100000'], resources }],
    },
  };
}

describe('a node', () => {
  const cluster = new LocalCluster('extras');
  const cdi = mkdtempSync(join(tmpdir(), 'gantry-cdi-'));
  beforeAll(async () => {
    writeFileSync(join(cdi, 'gpu.json'), JSON.stringify(gpus));
    const flags = [`cdi-spec-dirs=${cdi}`, 'shared-gpus=example.com/gpu', 'cpu-policy=static'];
    const all = [...flags, 'system-reserved=cpu=1'].flatMap((flag) => ['--agent-flag', flag]);
    await cluster.up('--nodes', '1', ...all);
  });
  afterAll(async () => {
    await cluster.remove();
    rmSync(cdi, { recursive: true });
  });

  const run = async (name: string, amounts: Record<string, string>, more = {}): Promise<Task> => {
    await cluster.gantry(['apply', '-f', '-'], { input: JSON.stringify(task(name, amounts, more)) });
    return eventually(`${name} runs`, async () => {
      const found = await cluster.json<Task>('get', `task/${name}`);
      return found.status.phase === 'Running' && found;
    });
  };
  const exec = async (name: string, script: string): Promise<string> =>
    (await cluster.succeed('exec', name, '--', 'sh', '-c', script)).stdout.trim();

  it('gives parts of its GPUs: each task the device it has a part of, and no more of one than there is', async () => {
    const node = await cluster.json<Node>('get', 'node/n1');
    expect(node.status.devices?.map(({ name }) => name)).toEqual([
      'example.com/gpu=g0',
      'example.com/gpu=g1',
    ]);
    const milli = (amount: string) => ({ 'gantry.dev/gpu-milli': amount });
    const [first, second] = [await run('first', milli('600')), await run('second', milli('600'))];
    const names = [first, second].map(({ spec }) => Object.keys(spec.devices ?? {}).join());
    expect([...names].sort()).toEqual(['example.com/gpu=g0', 'example.com/gpu=g1']);
    for (const [position, name] of ['first', 'second'].entries()) {
      const device = names[position]?.split('=')[1] ?? '';
      expect(await exec(name, 'echo $GPU; cd /dev; ls g[01]')).toBe(`${device}\n${device}`);
    }
    await cluster.gantry(['apply', '-f', '-'], { input: JSON.stringify(task('third', milli('600'))) });
    await eventually('the third waits', async () => {
      const { status } = await cluster.json<Task>('get', 'task/third');
      return status.pending?.message.includes('without a GPU that has 600 milli free');
    });
    expect((await run('fourth', milli('400'))).spec.devices).toBeDefined();
  });

  it('lets the programs of a task talk to the API as its service account, and those of others not', async () => {
    const directory = '/var/run/secrets/kubernetes.io/serviceaccount';
    const ask = `cd ${directory} && curl -s --cacert ca.crt -H "Authorization: Bearer $(cat token)" \
      -H 'content-type: application/json' -d '{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}' \
      "https://$KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT/apis/authentication.k8s.io/v1/selfsubjectreviews"`;
    for (const [name, hostNetwork] of [
      ['shares', true],
      ['isolated', false],
    ] as const) {
      await run(name, {}, { serviceAccountName: 'default', hostNetwork });
      expect(await exec(name, ask)).toContain('"username":"system:serviceaccount:default:default"');
    }
    await run('nobody', {});
    const { exitCode } = await cluster.gantry(['exec', 'nobody', '--', 'ls', directory]);
    expect(exitCode).not.toBe(0);
  });

  it('gives a core of its own to a task that wants one whole, and says so', async () => {
    const { metadata } = await cluster.json<Node>('get', 'node/n1');
    expect(metadata.labels?.['gantry.dev/cpu-policy']).toBe('static');
    const owner = await run('owner', { cpu: '1', memory: '16Mi' });
    const core = owner.status.containerStatuses?.[0]?.cpus ?? '';
    const allowed = "sed -n 's/^Cpus_allowed_list:\\t//p' /proc/self/status";
    expect(core).toMatch(/^\d+$/);
    expect(await exec('owner', allowed)).toBe(core);
    expect((await exec('first', allowed)).split(/[,-]/)).not.toContain(core);
  });
});
