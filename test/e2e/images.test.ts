import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildBusyboxImage } from '../../nodeagent/images/busybox-image.ts';
import { LocalCluster } from './local-cluster.ts';

describe('images of a local cluster', () => {
  const cluster = new LocalCluster('images');
  beforeAll(() => cluster.up('--nodes', '1'));
  afterAll(() => cluster.remove());

  it('are loaded from an archive, listed, and run', async () => {
    const archive = join(cluster.directory, 'mine.tar');
    await buildBusyboxImage({ binary: '/bin/busybox', archive, name: 'registry.example/team/mine:1.2' });
    const { stdout } = await cluster.succeed('image', 'load', '-f', archive);
    rmSync(archive);
    expect(stdout).toContain('registry.example/team/mine:1.2 loaded on n1');
    expect((await cluster.succeed('image', 'list')).stdout).toMatch(/busybox:latest.*\n.*mine:1\.2/);

    const job = {
      apiVersion: 'gantry.dev/v1',
      kind: 'Job',
      metadata: { name: 'mine' },
      spec: {
        template: {
          spec: {
            containers: [
              { name: 'main', image: 'registry.example/team/mine:1.2', command: ['echo', 'from my image'] },
            ],
          },
        },
      },
    };
    await cluster.gantry(['apply', '-f', '-'], { input: JSON.stringify(job) });
    await cluster.succeed('wait', 'job/mine', '--for=condition=Complete', '--timeout=60s');
    expect((await cluster.succeed('logs', 'mine-0-0')).stdout).toBe('from my image');
  });

  it('are saved to an archive, named with who uses them, and pruned when nobody does', async () => {
    const archive = join(cluster.directory, 'saved.tar');
    const image = 'registry.example/team/mine:1.2';
    await cluster.succeed('image', 'save', image, '-o', archive, '--format', 'docker-archive');
    await cluster.succeed('image', 'load', archive, '--as', 'copy:1', '--node', 'n1');
    const container = { name: 'main', image: 'copy:1', command: ['sleep', '1000'] };
    const job = {
      apiVersion: 'gantry.dev/v1',
      kind: 'Job',
      metadata: { name: 'copy' },
      spec: { type: 'Service', template: { spec: { containers: [container] } } },
    };
    await cluster.gantry(['apply', '-f', '-'], { input: JSON.stringify(job) });
    await cluster.succeed('delete', 'job', 'mine');
    await cluster.succeed('wait', 'job/copy', '--for=jsonpath={.status.phase}=Running', '--timeout=60s');
    expect((await cluster.succeed('image', 'list')).stdout).toMatch(/copy:1 .* n1 +default\/copy-0-0/);
    expect((await cluster.succeed('image', 'prune')).stdout).toMatch(/mine:1\.2 removed from n1[\s\S]*freed/);
    const { stdout } = await cluster.succeed('image', 'list');
    expect(stdout).toContain('copy:1');
    expect(stdout).not.toContain('mine');
  });

  it('that are no archive, or of no node, are refused', async () => {
    const { exitCode, stderr } = await cluster.gantry(['image', 'load', '-f', 'package.json']);
    expect(exitCode).not.toBe(0);
    expect(stderr).toMatch(/package\.json/);
    expect((await cluster.gantry(['image', 'list', '--node', 'n9'])).stderr).toMatch(/n9/);
  });
});
