import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Job, Node, Task } from '../../api/kinds/resources.ts';
import { hasReason } from '../../api/meta/api-error.ts';
import { type CommandLine, commandLine, type Ran } from './command-line.ts';

let line: CommandLine;
beforeAll(async () => {
  line = await commandLine();
});
afterAll(() => line.stop());
afterEach(async () => {
  await line.gantry('delete jobs,tasks,nodes --all --force --wait=false');
});

const container = { name: 'main', command: ['sleep', '1'] };

/** A job of one running task on n1, which nobody makes anew. */
async function runs(name: string, priorityClassName: string, maxUnavailable = 1): Promise<void> {
  const { client } = line.cluster;
  const spec = { priorityClassName, containers: [container] };
  const disruption = { maxUnavailable };
  const job = await client.create(Job, {
    metadata: { name, namespace: 'default' },
    spec: { type: 'Service', replicas: 1, disruption, template: { spec: { containers: [container] } } },
  });
  const owner = { apiVersion: job.apiVersion, kind: job.kind, name, uid: job.metadata.uid ?? '' };
  await runTask(`${name}-0-0`, { ...spec, job: name, index: 0, attempt: 0 }, [
    { ...owner, controller: true },
  ]);
}

async function runTask(name: string, spec: object, ownerReferences: object[] = []): Promise<void> {
  const { client } = line.cluster;
  const metadata = { name, namespace: 'default', ownerReferences };
  const created = await client.create(Task, { metadata, spec });
  await client.commit({ mode: 'AllOrNothing', binds: [{ namespace: 'default', name, node: 'n1' }] });
  const bound = await client.get(Task, { namespace: 'default', name });
  const conditions = [{ type: 'Ready', status: 'True' as const, lastTransitionTime: '2030-01-01T00:00:00Z' }];
  await client.updateStatus(Task, { ...bound, status: { ...created.status, phase: 'Running', conditions } });
}

async function addNode(): Promise<void> {
  const { client } = line.cluster;
  const node = await client.create(Node, { metadata: { name: 'n1' } });
  const allocatable = { cpu: '8', memory: '8Gi', pods: '110' };
  const conditions = [{ type: 'Ready', status: 'True' as const, lastTransitionTime: '2030-01-01T00:00:00Z' }];
  await client.updateStatus(Node, { ...node, status: { capacity: allocatable, allocatable, conditions } });
}

/** `gantry drain`, beside a node that lets go of a task as soon as it is told to, but of those in `stuck`. */
function drain(flags: string, stuck: readonly string[] = []): Promise<Ran> {
  const gone = new Set(stuck);
  return line.gantry(`drain n1 ${flags}`.trim(), {
    onOut: (soFar) => {
      for (const [, name = ''] of soFar.matchAll(/^default\/(\S+) (?:evicted|deleted)/gm)) {
        if (gone.has(name)) continue;
        gone.add(name);
        void line.cluster.client
          .delete(Task, { namespace: 'default', name }, { gracePeriodSeconds: 0 })
          .catch((error) => {
            if (!hasReason(error, 'NotFound')) throw error;
          });
      }
    },
  });
}

describe('drain', () => {
  it('cordons, and evicts band after band, the lowest first', async () => {
    await addNode();
    await runs('web', 'production');
    await runs('spare', 'best-effort');
    await runs('sums', 'batch');
    expect(await drain('')).toEqual({
      code: 0,
      out:
        'node/n1 cordoned\n' +
        'default/spare-0-0 evicted (best-effort)\n' +
        'default/sums-0-0 evicted (batch)\n' +
        'default/web-0-0 evicted (production)\n' +
        'node/n1 drained\n',
      err: '',
    });
    expect((await line.gantry('get node n1')).out).toContain('SchedulingDisabled');
  });

  it('asks again while a budget forbids, and gives up after its time, saying why', async () => {
    await addNode();
    await runs('web', 'production', 0);
    await runs('sums', 'batch');
    const { code, out, err } = await drain('--timeout 20s');
    expect(code).toBe(1);
    expect(out).toBe('node/n1 cordoned\ndefault/sums-0-0 evicted (batch)\n');
    expect(err).toMatch(/^default\/web-0-0 waits: Cannot evict web-0-0 as it would violate/);
    expect(err).toMatch(
      /error: the time is over; node n1 takes no new tasks, and still has default\/web-0-0 \(Cannot/,
    );
    expect((await line.gantry('get tasks -o name')).out).toBe('task.gantry.dev/web-0-0\n');
  });

  it('deletes whoever is left when the share of his band ends, whatever his budget says', async () => {
    await addNode();
    await runs('web', 'production', 0);
    await runs('sums', 'batch', 0);
    const startMs = line.cluster.clock.monotonicMs();
    const { code, out } = await drain('--deadline 30s', ['sums-0-0']);
    expect(out).toMatch(
      /^node\/n1 cordoned\ndefault\/sums-0-0 deleted, for want of time \(batch\)\ndefault\/web-0-0 deleted, for want of time \(production\)\n/,
    );
    // A task that does not let go keeps nobody from his turn, but the node is not drained.
    expect(code).toBe(1);
    expect(line.cluster.clock.monotonicMs() - startMs).toBeLessThan(45_000);
  });

  it('leaves tasks alone that nothing would make anew, unless forced', async () => {
    await addNode();
    await runTask('bare', { containers: [container] });
    const refused = await drain('');
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toContain('nothing would make these tasks anew: default/bare; --force ends them too');
    expect((await line.gantry('get node n1')).out).not.toContain('SchedulingDisabled');
    expect((await drain('--force')).out).toContain('default/bare evicted (batch)\nnode/n1 drained\n');
  });

  it('says which nodes it does not know, and wants one', async () => {
    expect((await drain('')).err).toContain('"n1" not found');
    expect(await line.gantry('drain')).toMatchObject({ code: 2 });
  });
});
