/** Claims on a real cluster, through kubectl: data outlives tasks, agents and reboots of nodes, and goes with its claim. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signal } from '../../cluster/process-identity.ts';
import { eventually, LocalCluster } from './local-cluster.ts';
import { powerOffNode } from './power-off.ts';

const claim = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'data' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '8Mi' } } },
};

/** Writes its name, and lives on. */
function pod(name: string, { readOnly = false, subPath = '' } = {}): object {
  const mount = { name: 'data', mountPath: '/data', ...(subPath === '' ? {} : { subPath }) };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'main',
          command: ['sh', '-c', `echo ${name} >> /data/log; exec sleep 100000`],
          volumeMounts: [mount],
        },
      ],
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data', readOnly } }],
    },
  };
}

describe('a claim', () => {
  const cluster = new LocalCluster('claims');
  beforeAll(() => cluster.up('--nodes', '2'));
  afterAll(() => cluster.remove());

  const kubectl = async (...args: string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await cluster.kubectl(...args);
    if (exitCode !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
    return stdout;
  };
  const apply = (...items: object[]): Promise<unknown> =>
    cluster.gantry(['apply', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }),
    });
  const run = async (name: string, options = {}): Promise<void> => {
    await apply(pod(name, options));
    await kubectl('wait', `pod/${name}`, '--for=condition=Ready', '--timeout=60s');
  };
  const log = async (name: string): Promise<string[]> =>
    (await kubectl('exec', name, '--', 'cat', '/data/log')).split('\n').filter(Boolean);
  const nodeOf = (name: string): Promise<string> =>
    kubectl('get', 'pod', name, '-o', 'jsonpath={.spec.nodeName}');
  const volumesOn = (node: string): string[] => {
    const directory = join(cluster.directory, 'nodes', node, 'persistent');
    return existsSync(directory) ? readdirSync(directory) : [];
  };

  it('gives later tasks what earlier ones wrote, on the node of the first', async () => {
    await apply(claim);
    await run('one');
    const node = await nodeOf('one');
    await kubectl('delete', 'pod', 'one');
    await run('two');
    await run('three', { subPath: 'deep/er' });
    expect(await log('two')).toEqual(['one', 'two']);
    expect(await log('three')).toEqual(['three']);
    expect([await nodeOf('two'), await nodeOf('three')]).toEqual([node, node]);
    expect(await kubectl('get', 'pvc,pv', '--no-headers')).toMatch(/Bound.*8Mi.*\n.*Bound/);
    expect(await kubectl('exec', 'two', '--', 'cat', '/data/deep/er/log')).toBe('three');
  });

  it('survives a killed agent, and the power of its node', async () => {
    const node = await nodeOf('two');
    const agent = cluster.parts.parts[`node-${node}`];
    if (!agent) throw new Error(`no agent of ${node}`);
    signal(agent, 'SIGKILL');
    expect(await eventually('the agent is back', () => log('two'))).toEqual(['one', 'two']);
    await powerOffNode(cluster, node);
    await cluster.up('--nodes', '2');
    await eventually('its task runs again', async () => (await log('two')).length === 3);
    expect(await log('two')).toEqual(['one', 'two', 'two']);
  });

  it('cannot be written by who mounts it read-only', async () => {
    await apply(pod('reader', { readOnly: true }));
    await kubectl('wait', 'pod/reader', '--for=condition=Ready', '--timeout=60s');
    const { stderr } = await cluster.kubectl('exec', 'reader', '--', 'touch', '/data/mine');
    expect(stderr).toContain('Read-only file system');
  });

  it('that is deleted stays while a task uses it, then goes with its data and its space', async () => {
    const node = await nodeOf('two');
    expect(volumesOn(node)).toHaveLength(1);
    await kubectl('delete', 'pvc', 'data', '--wait=false');
    expect(await kubectl('get', 'pvc', 'data', '--no-headers')).toContain('Terminating');
    await kubectl('delete', 'pod', 'two', 'three', 'reader');
    await kubectl('wait', 'pv', '--all', '--for=delete', '--timeout=60s');
    expect(await kubectl('get', 'pvc,pv')).toBe('');
    expect(volumesOn(node)).toEqual([]);
  });

  it('with Retain leaves its volume, which a claim that names it gets once nobody is in its way', async () => {
    await apply(claim);
    await run('keeper');
    const name = await kubectl('get', 'pvc', 'data', '-o', 'jsonpath={.spec.volumeName}');
    await kubectl('patch', 'pv', name, '-p', '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}');
    await kubectl('delete', 'pod', 'keeper');
    await kubectl('delete', 'pvc', 'data');
    await kubectl('wait', 'pv', name, '--for=jsonpath={.status.phase}=Released', '--timeout=60s');
    await kubectl('patch', 'pv', name, '-p', '{"spec":{"claimRef":null}}');
    await kubectl('wait', 'pv', name, '--for=jsonpath={.status.phase}=Available', '--timeout=60s');
    await apply({ ...claim, spec: { ...claim.spec, volumeName: name } });
    await run('finder');
    expect(await log('finder')).toEqual(['keeper', 'finder']);
  });
});
