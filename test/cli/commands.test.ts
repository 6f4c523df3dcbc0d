import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Event, Job, Node, Task } from '../../api/kinds/resources.ts';
import { type CommandLine, commandLine } from './command-line.ts';

let line: CommandLine;
beforeAll(async () => {
  line = await commandLine();
});
afterAll(() => line.stop());
afterEach(async () => {
  await line.gantry('delete jobs,tasks,configmaps,nodes --all --force --wait=false');
});

function job(name: string, more = 'replicas: 2'): string {
  return `apiVersion: gantry.dev/v1
kind: Job
metadata:
  name: ${name}
spec:
  type: Service
  ${more}
  template:
    spec:
      containers:
        - name: main
          command: [sleep, "1"]
`;
}

const apply = (stdin: string, ...flags: string[]) => line.gantry(['apply', '-f', '-', ...flags], { stdin });

describe('apply', () => {
  it('creates, then says unchanged, then configured; twice in a row nothing changes', async () => {
    expect(await apply(job('web'))).toMatchObject({ code: 0, out: 'job/web created\n', err: '' });
    expect((await apply(job('web'))).out).toBe('job/web unchanged\n');
    expect((await apply(job('web', 'replicas: 3'))).out).toBe('job/web configured\n');
    expect((await apply(job('web', 'replicas: 3'))).out).toBe('job/web unchanged\n');
    expect((await line.cluster.client.get(Job, { namespace: 'default', name: 'web' })).spec.replicas).toBe(3);
  });

  it('removes what the manifest drops and keeps what others set', async () => {
    const map = (data: string) =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {x: y}}\ndata: {${data}}\n`;
    await apply(map('one: "1", two: "2"'));
    await line.gantry(['patch', 'cm', 'a', '-p', '{"data":{"other":"3"}}']);
    await apply(map('one: "1"'));
    expect((await line.gantry(['get', 'cm', 'a', '-o', 'jsonpath={.data}'])).out).toBe(
      '{"one":"1","other":"3"}',
    );
  });

  it('shows unknown fields and broken values where the file has them', async () => {
    const { code, err } = await apply(job('web', 'replics: 3'));
    expect(code).toBe(1);
    expect(err).toBe(
      'error: stdin:7:3: job/web: unknown field "spec.replics" (did you mean "replicas"?)\n    7 |   replics: 3\n      |   ^\n',
    );
    expect((await apply(job('web', 'replicas: -3'))).err).toMatch(
      /^error: stdin:7:3: job\/web: spec\.replicas: /,
    );
  });

  it('a kind that does not exist stops everything before the first write', async () => {
    const { code, err } = await apply(`${job('web')}---\n${job('b').replace('kind: Job', 'kind: Jobb')}`);
    expect({ code, err }).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^error: stdin:\d+:1: .*did you mean kind "Job"/),
    });
    expect((await line.gantry('get jobs -o name')).out).toBe('');
  });

  it('what one object fails at does not keep the others away', async () => {
    const { code, out } = await apply(`${job('bad', 'replicas: -1')}---\n${job('good')}`);
    expect({ code, out }).toEqual({ code: 1, out: 'job/good created\n' });
  });

  it('a dry run stores nothing', async () => {
    expect((await apply(job('web'), '--dry-run=server')).out).toBe('job/web created (server dry run)\n');
    expect((await apply(job('web'), '--dry-run=client')).out).toBe('job/web created (dry run)\n');
    expect((await line.gantry('get job web')).err).toContain('not found');
  });

  it('a namespace on the command line must not contradict the manifest', async () => {
    const inOther = job('web').replace('name: web', 'name: web\n  namespace: other');
    expect((await apply(inOther, '-n', 'default')).err).toMatch(/stdin:5:3: the namespace is "other" here/);
  });

  it('create refuses what exists', async () => {
    await apply(job('web'));
    const { code, err } = await line.gantry('create -f -', { stdin: job('web') });
    expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining('already exists') });
  });
});

describe('get', () => {
  it('several types come as one table each, names with their type', async () => {
    await apply(job('web'));
    const { out } = await line.gantry('get jobs,cm,ns');
    expect(out).toMatch(/^NAME +TYPE +READY +STATUS +AGE\njob\/web +Service +0\/2 +Pending +\d+m?s?\n\nNAME/);
    expect(out).toContain('namespace/default');
  });

  it('names are taken as TYPE NAME and TYPE/NAME; the missing are told after the found', async () => {
    await apply(job('web'));
    const { code, out, err } = await line.gantry('get job nope web -o name');
    expect({ code, out }).toEqual({ code: 1, out: 'job.gantry.dev/web\n' });
    expect(err).toMatch(/nope.*not found/);
    expect((await line.gantry('get jobs/web gj/web -o name')).out).toBe(
      'job.gantry.dev/web\njob.gantry.dev/web\n',
    );
    expect((await line.gantry('get job nope --ignore-not-found')).code).toBe(0);
  });

  it('pages a long list without losing or repeating anything', async () => {
    const maps = Array.from(
      { length: 7 },
      (_, at) => `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m${at}}\n`,
    );
    await apply(maps.join('---\n'));
    const { out } = await line.gantry('get cm --chunk-size=3 --no-headers');
    expect(
      out
        .split('\n')
        .filter(Boolean)
        .map((row) => row.split(' ')[0]),
    ).toEqual(['m0', 'm1', 'm2', 'm3', 'm4', 'm5', 'm6']);
    expect((await line.gantry('get cm --chunk-size=2 -o name')).out.split('\n')).toHaveLength(8);
  });

  it('one object is printed bare, several in a list', async () => {
    await apply(job('web'));
    expect(JSON.parse((await line.gantry('get job web -o json')).out).kind).toBe('Job');
    expect(JSON.parse((await line.gantry('get jobs -o json')).out)).toMatchObject({
      kind: 'List',
      items: [{ kind: 'Job' }],
    });
    expect((await line.gantry('get job web -o yaml')).out).toMatch(
      /^apiVersion: gantry.dev\/v1\nkind: Job\nmetadata:\n/,
    );
    expect((await line.gantry('get jobs -o custom-columns=N:.metadata.name,R:.spec.replicas')).out).toBe(
      'N     R\nweb   2\n',
    );
  });

  it('-w shows what is there, then every change, and deletions', async () => {
    await apply(job('web'));
    const interrupt = new AbortController();
    const { client } = line.cluster;
    const key = { namespace: 'default', name: 'web' };
    let step = 0;
    const { out } = await line.gantry('get jobs -w --output-watch-events', {
      signal: interrupt.signal,
      onOut: (soFar) => {
        const rows = soFar.split('\n').length - 1;
        if (rows === 2 && step === 0) {
          step = 1;
          void client.patch(Job, key, { type: 'merge', body: { spec: { replicas: 5 } } });
        }
        if (rows === 3 && step === 1) {
          step = 2;
          void client.delete(Job, key);
        }
        if (rows === 4) interrupt.abort();
      },
    });
    const rows = out
      .trimEnd()
      .split('\n')
      .map((row) => row.split(/ +/).slice(0, 4).join(' '));
    expect(rows).toEqual([
      'EVENT NAME TYPE READY',
      'ADDED web Service 0/2',
      'MODIFIED web Service 0/5',
      'DELETED web Service 0/5',
    ]);
  });

  it.each([
    ['get', 2, /say which resources/],
    ['get jobs web -l a=b', 2, /cannot be given together/],
    ['get jbos', 1, /did you mean "jobs"/],
    ['get jobs -o xml', 2, /unknown output/],
    ['get jobs -l a=(', 1, /selector/],
    ['get job ../web', 1, /may not contain "\/"/],
    ['get job/.. ', 1, /may not be/],
    ['get jobs,tasks -w', 2, /only one type/],
    ['gett jobs', 2, /did you mean get/i],
    ['get jobs --wach', 2, /did you mean --watch/i],
    ['delete jobs', 2, /names, -l SELECTOR or --all/],
    ['scale job web', 2, /--replicas/],
    ['apply', 2, /-f FILE/],
    ['apply -f /nowhere.yaml', 1, /no such file/],
    ['wait job/web --for=never', 2, /--for/],
  ])('%s ends with %i and one clear line', async (words, code, message) => {
    const ran = await line.gantry(words.trim());
    expect(ran).toMatchObject({ code, err: expect.stringMatching(message) });
    expect(ran.err.trimEnd().split('\n').length).toBeLessThanOrEqual(2);
  });
});

describe('scale, label, patch, cordon', () => {
  it('scale writes through the scale subresource, and only from the given number', async () => {
    await apply(job('web'));
    expect((await line.gantry('scale job web --replicas 5')).out).toBe('job/web scaled\n');
    expect((await line.gantry('scale jobs/web --replicas=4 --current-replicas=2')).err).toContain(
      'has 5 replicas, not 2',
    );
    expect((await line.gantry('scale job/web --replicas=4 --current-replicas=5')).code).toBe(0);
    expect((await line.gantry(['get', 'job', 'web', '-o', 'jsonpath={.spec.replicas}'])).out).toBe('4');
    expect((await line.gantry('scale cm/a --replicas=1')).err).toContain('cannot be scaled');
  });

  it('labels are set, protected from overwriting, and removed', async () => {
    await apply(job('web'));
    expect((await line.gantry('label job web a=b')).out).toBe('job/web labeled\n');
    expect((await line.gantry('label job web a=c')).err).toContain('--overwrite');
    expect((await line.gantry('label job web a=c --overwrite')).code).toBe(0);
    expect((await line.gantry('get jobs -l a=c -o name')).out).toBe('job.gantry.dev/web\n');
    expect((await line.gantry('label job web a-')).code).toBe(0);
    expect((await line.gantry('get jobs -l a -o name')).out).toBe('');
  });

  it('cordon and uncordon say what they did', async () => {
    await line.cluster.client.create(Node, { metadata: { name: 'n1' } });
    expect((await line.gantry('cordon n1')).out).toBe('node/n1 cordoned\n');
    expect((await line.gantry('cordon node/n1')).out).toBe('node/n1 already cordoned\n');
    expect((await line.gantry('get node n1')).out).toContain('SchedulingDisabled');
    expect((await line.gantry('uncordon n1')).out).toBe('node/n1 uncordoned\n');
  });
});

describe('wait and delete', () => {
  it('wait ends when the condition comes true', async () => {
    await apply(job('web'));
    const ended = line.gantry('wait job/web --for=jsonpath={.spec.replicas}=7 --timeout=60s');
    await line.gantry('scale job web --replicas 7');
    expect(await ended).toMatchObject({ code: 0, out: 'job/web condition met\n' });
  });

  it('wait gives up after its time, and at once for what does not exist', async () => {
    await apply(job('web'));
    expect(await line.gantry('wait job/web --for=condition=Ready --timeout=5s')).toMatchObject({
      code: 1,
      err: 'error: timed out waiting for condition Ready of job/web\n',
    });
    expect((await line.gantry('wait job/nope --for=condition=Ready')).err).toContain('not found');
    expect((await line.gantry('wait job/nope --for=delete')).code).toBe(0);
  });

  it('wait ends when its object is deleted', async () => {
    await apply(job('web'));
    const ended = line.gantry('wait job/web --for=condition=Ready --timeout=60s');
    await line.gantry('wait job/web --for=create');
    await line.gantry('delete job web');
    expect(await ended).toMatchObject({ code: 1, err: expect.stringContaining('was deleted while waiting') });
  });

  it('delete waits until a finalizer lets go', async () => {
    const map = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: held, finalizers: [example.com/hold]}\n';
    await apply(map);
    const ended = line.gantry('delete cm held');
    expect((await line.gantry('wait cm/held --for=jsonpath={.metadata.deletionTimestamp}')).code).toBe(0);
    await line.gantry(['patch', 'cm', 'held', '-p', '{"metadata":{"finalizers":null}}']);
    expect(await ended).toMatchObject({ code: 0, out: 'configmap/held deleted\n' });
  });

  it('delete takes manifests, selectors and names, and can overlook what is gone', async () => {
    await apply(`${job('a')}---\n${job('b')}`);
    expect((await line.gantry('delete -f -', { stdin: job('a') })).out).toBe('job/a deleted\n');
    expect((await line.gantry('delete jobs --all')).out).toBe('job/b deleted\n');
    expect(await line.gantry('delete job a --ignore-not-found')).toMatchObject({ code: 0 });
    expect((await line.gantry('delete job a')).code).toBe(1);
  });
});

describe('describe', () => {
  it('a pending task says why, and its events come last, oldest first', async () => {
    const { client, clock } = line.cluster;
    const task = await client.create(Task, {
      metadata: { name: 'web-0-0', namespace: 'default' },
      spec: {
        containers: [{ name: 'main', command: ['sleep', '1'], resources: { requests: { cpu: '64' } } }],
      },
    });
    const since = new Date(clock.now()).toISOString();
    await client.patch(
      Task,
      task.metadata as { namespace: string; name: string },
      {
        type: 'merge',
        body: {
          status: {
            pending: {
              reason: 'Unschedulable',
              message: 'not enough cpu on 3 nodes',
              since,
              nodes: { total: 3, rejected: [{ filter: 'Fit', reason: 'not enough cpu', count: 3 }] },
              closest: { node: 'n2', short: { cpu: '60' } },
            },
          },
        },
      },
      { subresource: 'status' },
    );
    for (const [at, reason] of ['Second', 'First'].entries()) {
      await client.create(Event, {
        metadata: { name: `e${at}`, namespace: 'default' },
        involvedObject: { kind: 'Task', name: 'web-0-0', namespace: 'default', uid: task.metadata.uid ?? '' },
        reason,
        message: `the ${reason}`,
        type: 'Warning',
        lastTimestamp: new Date(clock.now() - at * 60_000).toISOString(),
      });
    }
    const { out } = await line.gantry('describe task web-0-0');
    expect(out).toMatch(/Why: +not enough cpu on 3 nodes/);
    expect(out).toMatch(/3 by Fit: +not enough cpu/);
    expect(out).toMatch(/Closest node: +n2: 60 cpu short/);
    expect(out.indexOf('the First')).toBeGreaterThan(0);
    expect(out.indexOf('the First')).toBeLessThan(out.indexOf('the Second'));
  });

  it('a node shows what its tasks have asked for', async () => {
    const { client } = line.cluster;
    await client.create(Node, { metadata: { name: 'n1' } });
    await client.patch(
      Node,
      { name: 'n1' },
      { type: 'merge', body: { status: { allocatable: { cpu: '4', memory: '8Gi', pods: '10' } } } },
      { subresource: 'status' },
    );
    await client.create(Task, {
      metadata: { name: 'web-0-0', namespace: 'default' },
      spec: {
        containers: [
          {
            name: 'main',
            command: ['sleep', '1'],
            resources: { requests: { cpu: '1' }, limits: { memory: '2Gi' } },
          },
        ],
      },
    });
    expect(
      await client.commit({
        mode: 'Incremental',
        binds: [{ namespace: 'default', name: 'web-0-0', node: 'n1' }],
      }),
    ).toEqual([undefined]);
    const { out } = await line.gantry('describe node n1');
    expect(out).toMatch(/cpu +1 \(25%\) +0 \(0%\)/);
    expect(out).toMatch(/memory +2Gi \(25%\) +2Gi \(25%\)/);
    expect(out).toMatch(/tasks +1 \(10%\)/);
  });

  it('a job lists its template and tasks, any other kind its fields, a secret only sizes', async () => {
    await apply(job('web'));
    expect((await line.gantry('describe job web')).out).toMatch(/Replicas: +2 wanted, 0 there/);
    await line.gantry('create -f -', {
      stdin: 'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {password: aHVudGVyMg==}\n',
    });
    const { out } = await line.gantry('describe secret s');
    expect(out).toMatch(/password: +7 bytes/);
    expect(out).not.toContain('hunter2');
  });
});

describe('the server described', () => {
  it('explain documents types and fields, and guesses at typos', async () => {
    expect((await line.gantry('explain job.spec.update')).out).toMatch(
      /FIELD: update <Object>[\s\S]*maxSurge/,
    );
    expect((await line.gantry('explain job --recursive')).out).toMatch(
      /\n {8}containers\t<\[\]Object> -required-\n/,
    );
    expect((await line.gantry('explain job.spec.updat')).err).toContain('did you mean "update"');
  });

  it('api-resources and api-versions list what is served', async () => {
    expect((await line.gantry('api-resources')).out).toMatch(/\njobs +gj +gantry.dev\/v1 +true +Job\n/);
    expect((await line.gantry('api-versions')).out).toContain('gantry.dev/v1\n');
    expect((await line.gantry('version')).out).toMatch(/Client: v.*\nServer: v/);
  });
});
