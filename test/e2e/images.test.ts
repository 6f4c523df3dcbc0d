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
    const { stdout } = await cluster.succeed('image', 'load', '--name', cluster.name, '-f', archive);
    rmSync(archive);
    expect(stdout).toContain('registry.example/team/mine:1.2 loaded');
    expect((await cluster.succeed('image', 'list', '--name', cluster.name)).stdout).toMatch(
      /busybox:latest.*\n.*mine:1\.2/,
    );

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

  it('that are no archive are refused', async () => {
    const { exitCode, stderr } = await cluster.gantry([
      'image',
      'load',
      '--name',
      cluster.name,
      '-f',
      'package.json',
    ]);
    expect(exitCode).not.toBe(0);
    expect(stderr).toMatch(/package\.json/);
  });
});
