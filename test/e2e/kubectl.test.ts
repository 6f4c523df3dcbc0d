import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, LocalCluster } from './local-cluster.ts';

describe('the newest kubectl on a running cluster', () => {
  const cluster = new LocalCluster('kubectl');
  beforeAll(async () => {
    await cluster.up();
  });
  afterAll(() => cluster.remove());

  async function kubectl(...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await cluster.kubectl(...args);
    if (exitCode !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${exitCode}: ${stderr}`);
    return stdout;
  }

  it('lists the kinds', async () => {
    const table = await kubectl('api-resources');
    expect(table).toMatch(/^jobs\s+gj\s+gantry\.dev\/v1\s+true\s+Job$/m);
    expect(table).toMatch(/^tasks\s+gt\s+gantry\.dev\/v1\s+true\s+Task$/m);
    expect(table).toMatch(/^nodes\s+no\s+v1\s+false\s+Node$/m);
  });

  it('explains fields', async () => {
    expect(await kubectl('explain', 'gj.spec.template.spec.containers.resources')).toMatch(/limits/);
  });

  it('applies, and applies again without a change', async () => {
    expect(await kubectl('apply', '-f', 'manifests/quickstart.yaml')).toContain('job.gantry.dev/web created');
    expect(await kubectl('apply', '-f', 'manifests/quickstart.yaml')).toContain('unchanged');
    await cluster.succeed('apply', '-f', 'manifests/quickstart.yaml');
  });

  it('waits, and gets tables of jobs, tasks and nodes', async () => {
    await kubectl('wait', 'gj/web', '--for=condition=Available', '--timeout=60s');
    const table = await kubectl('get', 'gj,gt,nodes');
    expect(table).toMatch(/job\.gantry\.dev\/web\s+Service\s+3\/3\s+Running/);
    expect(table).toMatch(/task\.gantry\.dev\/web-0-0\s+1\/1\s+Running/);
    expect(table).toMatch(/node\/n1\s+Ready/);
  });

  it('gets YAML and watches', async () => {
    expect(await kubectl('get', 'gj', 'web', '-o', 'yaml')).toMatch(/^kind: Job$/m);
    const watching = cluster.kubectl('get', 'gt', '-w', '--request-timeout=6s');
    await kubectl('scale', 'gj', 'web', '--replicas', '4');
    expect((await watching).stdout).toMatch(/web-3-0\s+\d\/1/);
    await eventually('four are ready', async () => (await kubectl('get', 'gj', 'web')).includes('4/4'));
  });

  it('describes a job, a task and a node', async () => {
    expect(await kubectl('describe', 'gj', 'web')).toMatch(/SuccessfulCreate/);
    expect(await kubectl('describe', 'gt', 'web-0-0')).toMatch(/Scheduled/);
    expect(await kubectl('describe', 'node', 'n1')).toMatch(/Allocatable:/);
  });

  it('labels, cordons, uncordons and deletes', async () => {
    expect(await kubectl('label', 'gj', 'web', 'team=a')).toContain('labeled');
    expect(await kubectl('cordon', 'n1')).toContain('cordoned');
    expect(await kubectl('get', 'node', 'n1')).toContain('SchedulingDisabled');
    expect(await kubectl('uncordon', 'n1')).toContain('uncordoned');
    expect(await kubectl('delete', 'gj', 'web', '--timeout=60s')).toContain('deleted');
    await eventually(
      'its tasks are collected',
      async () => (await kubectl('get', 'gt', '-o', 'name')).trim() === '',
    );
  });
});
