import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, LocalCluster } from './local-cluster.ts';

const huge = `apiVersion: gantry.dev/v1
kind: Job
metadata: {name: huge}
spec:
  type: Service
  template:
    spec:
      terminationGracePeriodSeconds: 1
      tolerations: [{key: gantry.dev/unconfined, operator: Exists}]
      containers: [{name: main, command: [sleep, infinity], resources: {requests: {cpu: "1000"}}}]
`;

interface Why {
  fits: boolean;
  counterfactuals: { kinds: string[]; text: string; node: string }[];
}

interface Plan {
  tasks: { task: string; node: string }[];
}

interface Sim {
  nodes: number;
  placed: number;
  compaction: { needed: number };
}

describe('what-if on a cluster of three nodes', () => {
  const cluster = new LocalCluster('whatif');

  beforeAll(async () => {
    await cluster.up('--nodes', '3');
  });
  afterAll(() => cluster.remove());

  it('why names a request that then really works when applied', async () => {
    await cluster.gantry(['apply', '-f', '-'], { input: huge });
    await eventually(
      'the task',
      async () => (await cluster.gantry(['get', 'task', 'huge-0-0'])).exitCode === 0,
    );
    const { stdout } = await cluster.succeed('why', 'task/huge-0-0');
    expect(stdout).toMatch(/^task default\/huge-0-0 is pending: Unschedulable/);
    expect(stdout).toMatch(/3 +NodeResourcesFit +insufficient cpu/);
    const { counterfactuals } = await cluster.json<Why>('why', 'huge-0-0');
    const [, cpu = ''] = /^if it asked for cpu <= (\S+)$/.exec(counterfactuals[0]?.text ?? '') ?? [];
    expect(cpu).not.toBe('');
    await cluster.gantry(['apply', '-f', '-'], { input: huge.replace('"1000"', `"${cpu}"`) });
    await eventually('the task to be placed', async () =>
      (await cluster.succeed('get', 'tasks', '--no-headers')).stdout.includes('Running'),
    );
    await cluster.succeed('delete', 'job', 'huge');
    await eventually(
      'no task left',
      async () => (await cluster.succeed('get', 'tasks', '-o', 'name')).stdout === '',
    );
  });

  it('plan on the quickstart says what then happens', async () => {
    const manifest = ['-f', 'manifests/quickstart.yaml'];
    const { tasks } = await cluster.json<Plan>('plan', ...manifest);
    expect(tasks.map(({ task }) => task)).toEqual(['default/web-0-0', 'default/web-1-0', 'default/web-2-0']);
    expect((await cluster.succeed('plan', ...manifest)).stdout).toMatch(
      /^3 of 3 new tasks would be placed$/m,
    );
    expect((await cluster.gantry(['get', 'job', 'web'])).exitCode).toBe(1);
    await cluster.succeed('apply', ...manifest);
    for (const { task, node } of tasks) {
      const path = ['-o', 'jsonpath={.spec.nodeName}'];
      await eventually(`${task} on ${node}`, async () => {
        const { stdout } = await cluster.gantry(['get', 'task', task.replace('default/', ''), ...path]);
        return stdout === node;
      });
    }
    expect((await cluster.succeed('plan', ...manifest)).stdout).toBe('no new tasks, 3 stay as they are');
  });

  it('says where the tasks of a node would go, and why a bound one is where it is', async () => {
    const node = (await cluster.succeed('get', 'task', 'web-0-0', '-o', 'jsonpath={.spec.nodeName}')).stdout;
    const { stdout } = await cluster.succeed('plan', 'drain', `node/${node}`);
    expect(stdout).toMatch(/^without node n\d: (\d) of \1 tasks would go elsewhere$/m);
    const all = await cluster.gantry(['plan', 'lose', 'n1', 'n2', 'n3']);
    expect(all.exitCode).toBe(2);
    expect(all.stdout).toContain('0 of 3 tasks would go elsewhere, 3 would stay pending');
    expect((await cluster.gantry(['plan', 'lose', 'zone=nowhere'])).stderr).toContain(
      'no node has zone=nowhere',
    );
    expect((await cluster.succeed('why', 'web-0-0')).stdout).toMatch(/NODE +SCORE +JobSpreading×2/);
  });

  it('sim takes a checkpoint of the cluster', async () => {
    const { nodes, placed, compaction } = await cluster.json<Sim>('sim', '--compaction', '3');
    expect({ nodes, placed, compaction }).toMatchObject({ nodes: 3, placed: 3, compaction: { needed: 1 } });
    expect((await cluster.succeed('sim', '-o', 'svg')).stdout).toMatch(/^<svg .*<\/svg>$/s);
  });

  it('plan ends with 2 when something would stay pending', async () => {
    const { exitCode, stdout } = await cluster.gantry(['plan', '-f', '-'], { input: huge });
    expect(exitCode).toBe(2);
    expect(stdout).toMatch(/job\/huge +1 +<none> +0\/3 nodes are available: 3 insufficient cpu/);
  });

  it('plan knows the priority classes of its own manifest', async () => {
    expect((await cluster.gantry(['plan', '-f', 'manifests/04-placement.yaml'])).exitCode).toBe(0);
  });
});
