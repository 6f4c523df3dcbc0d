import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { jobNameLabel } from '../../api/kinds/job-labels.ts';
import { Job, Task } from '../../api/kinds/resources.ts';
import { type CommandLine, commandLine } from './command-line.ts';

let line: CommandLine;
beforeAll(async () => {
  line = await commandLine();
});
afterAll(() => line.stop());
afterEach(async () => {
  await line.gantry('delete jobs,tasks --all --force --wait=false');
  line.logs.clear();
});

const namespace = 'default';

async function makeJob(name: string): Promise<void> {
  await line.cluster.client.create(Job, {
    metadata: { name, namespace },
    spec: {
      type: 'Batch',
      completions: 2,
      template: { spec: { containers: [{ name: 'main', command: ['true'] }] } },
    },
  });
}

async function makeTask(name: string, job: string, containers = ['main']): Promise<void> {
  await line.cluster.client.create(Task, {
    metadata: { name, namespace, labels: { [jobNameLabel]: job } },
    spec: { job, containers: containers.map((container) => ({ name: container, command: ['true'] })) },
  });
  for (const container of containers) line.logs.set(`${name}/${container}`, `${container} of ${name}\nbye\n`);
}

/** As the node agent does when the first container runs. */
async function start(name: string): Promise<void> {
  const containerStatuses = [{ name: 'main', ready: true, restartCount: 0, state: { running: {} } }];
  const body = { status: { phase: 'Running', containerStatuses } };
  await line.cluster.client.patch(
    Task,
    { namespace, name },
    { type: 'merge', body },
    { subresource: 'status' },
  );
}

describe('logs', () => {
  it('a bare name is a task, or else a job; a job shows all its tasks that have started, in order, each line with its task', async () => {
    await makeJob('etl');
    await makeTask('etl-10-0', 'etl');
    await makeTask('etl-2-0', 'etl');
    await start('etl-10-0');
    await start('etl-2-0');
    await makeTask('etl-11-0', 'etl');
    expect((await line.gantry('logs etl-2-0')).out).toBe('main of etl-2-0\nbye\n');
    const all = '[etl-2-0] main of etl-2-0\n[etl-2-0] bye\n[etl-10-0] main of etl-10-0\n[etl-10-0] bye\n';
    expect((await line.gantry('logs etl')).out).toBe(all);
    expect((await line.gantry('logs job/etl')).out).toBe(all);
    expect((await line.gantry('logs job etl --no-prefix')).out).toBe(all.replace(/\[.*?\] /g, ''));
    expect((await line.gantry('logs task/etl-2-0 --prefix')).out).toContain('[etl-2-0] bye');
  });

  it('of several containers the first is shown, with a note, unless others are named', async () => {
    await makeTask('two-0-0', 'two', ['main', 'side']);
    const first = await line.gantry('logs two-0-0');
    expect(first).toMatchObject({
      out: 'main of two-0-0\nbye\n',
      err: expect.stringContaining('Showing container main'),
    });
    expect((await line.gantry('logs two-0-0 -c side')).out).toBe('side of two-0-0\nbye\n');
    expect((await line.gantry('logs two-0-0 --all-containers')).out).toContain('[two-0-0/side] bye\n');
    expect((await line.gantry('logs two-0-0 -c nope')).err).toContain('it has main, side');
  });

  it('following waits for a task that has not started', async () => {
    await makeTask('slow-0-0', 'slow');
    const { code, out, err } = await line.gantry('logs slow-0-0 -f', { onErr: () => void start('slow-0-0') });
    expect({ code, out }).toEqual({ code: 0, out: 'main of slow-0-0\nbye\n' });
    expect(err).toContain('waiting for slow-0-0 to start (Pending)');
  });

  it('following a job takes in later tasks and ends with the job', async () => {
    await makeJob('etl');
    await makeTask('etl-0-0', 'etl');
    await start('etl-0-0');
    const ended = line.gantry('logs job/etl -f');
    await makeTask('etl-1-0', 'etl');
    await start('etl-1-0');
    const conditions = [{ type: 'Complete', status: 'True' }];
    const finish = { type: 'merge', body: { status: { conditions } } } as const;
    await line.cluster.until(() => line.cluster.client.get(Task, { namespace, name: 'etl-1-0' }));
    await line.cluster.client.patch(Job, { namespace, name: 'etl' }, finish, { subresource: 'status' });
    const { code, out } = await ended;
    expect(code).toBe(0);
    expect(out).toContain('[etl-0-0] bye\n');
    expect(out).toContain('[etl-1-0] bye\n');
  });

  it.each([
    ['logs', 2, /say whose/],
    ['logs nope', 1, /no task and no job "nope"/],
    ['logs node/n1', 2, /Node has no logs/],
    ['logs a --tail x', 2, /--tail/],
    ['logs a/b/c', 2, /say whose/],
    ['logs ../a', 1, /no resource type/],
    ['logs job/..', 1, /the name/],
  ])('%s ends with %i', async (words, code, message) => {
    expect(await line.gantry(words)).toMatchObject({ code, err: expect.stringMatching(message) });
  });
});
