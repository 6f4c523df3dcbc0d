/** Tasks as pods: the oldest and the newest kubectl, unmodified, on a running cluster with real containers. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kubectls } from '../kit/kubectl.ts';
import { eventually, LocalCluster } from './local-cluster.ts';

const scratch = mkdtempSync(join(tmpdir(), 'gantry-pods-'));
const cluster = new LocalCluster('pods');
const binaries = [...new Set([kubectls()[0]!, kubectls().at(-1)!])];
const counting = 'echo started; i=0; while true; do echo line $i; i=$((i+1)); sleep 0.2; done';

class Kubectl {
  readonly #binary: string;
  readonly namespace: string;

  constructor(binary: string) {
    this.#binary = binary;
    this.namespace = basename(binary).replaceAll('.', '-');
  }

  start(args: readonly string[], options: { input?: string } = {}) {
    const own = ['--namespace', this.namespace, '--cache-dir', join(scratch, this.namespace)];
    return execa(this.#binary, [...own, ...args], {
      env: cluster.environment,
      reject: false,
      timeout: 60_000,
      cwd: resolve(import.meta.dirname, '../..'),
      ...options,
    });
  }

  /** What it prints; throws unless it ends well. */
  async run(...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.start(args);
    if (exitCode !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${exitCode}: ${stderr}`);
    return stdout;
  }
}

/** Reads on until a line fits, and leaves the process running. */
async function lineOf(process: ReturnType<Kubectl['start']>, wanted: RegExp): Promise<RegExpExecArray> {
  const lines = process[Symbol.asyncIterator]();
  for (;;) {
    const { value, done } = await lines.next();
    const found = wanted.exec(String(value));
    if (found) return found;
    if (done) throw new Error(`no line like ${wanted}`);
  }
}

beforeAll(() => cluster.up('--nodes', '2'));
afterAll(async () => {
  await cluster.remove();
  rmSync(scratch, { recursive: true, force: true });
  expect(cluster.traces()).toEqual([]);
});

describe.each(binaries)('%s', (binary) => {
  const kubectl = new Kubectl(binary);
  beforeAll(async () => {
    await kubectl.run('create', 'namespace', kubectl.namespace);
    await kubectl.run('run', 'web', '--image=busybox', '--labels=app=web', '--', 'sh', '-c', counting);
    await kubectl.run('wait', '--for=condition=Ready', 'pod/web', '--timeout=60s');
  });

  it('get and describe show the pod, its node and its events', async () => {
    expect(await kubectl.run('get', 'pods', '-o', 'wide')).toMatch(
      /NAME +READY +STATUS +RESTARTS +AGE +IP +NODE +NOMINATED NODE +READINESS GATES\nweb +1\/1 +Running +0 +\d+s +[\d.]+ +n\d +<none> +<none>/,
    );
    const described = await kubectl.run('describe', 'pod', 'web');
    expect(described).toMatch(/Ready +True/);
    expect(described).toMatch(/IPs:\n +IP: +[\d.]+/);
    // Events are written beside what they tell of, in no order.
    await eventually('its events are told', async () => {
      const told = await kubectl.run('describe', 'pod', 'web');
      return /Normal +Scheduled/.test(told) && /Normal +Started/.test(told);
    });
  });

  it('get -w sees it change, and label, annotate and patch change it', async () => {
    const watching = kubectl.start(['get', 'pods', '-w', '--request-timeout=5s', '--show-labels']);
    await kubectl.run('label', 'pod', 'web', 'a=1');
    await kubectl.run('annotate', 'pod', 'web', 'note=x');
    await kubectl.run('patch', 'pod', 'web', '-p', '{"metadata":{"labels":{"b":"2"}}}');
    expect((await watching).stdout).toMatch(/a=1,app=web,b=2/);
  });

  it('logs -f follows what it writes', async () => {
    const following = kubectl.start(['logs', '-f', 'web']);
    await lineOf(following, /^line 7$/);
    following.kill();
  });

  it('exec runs a command in it, with its input, its exit code and a terminal', async () => {
    const failed = await kubectl.start(['exec', 'web', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3']);
    expect([failed.exitCode, failed.stdout]).toEqual([3, 'out']);
    expect(
      (await kubectl.start(['exec', '-i', 'web', '--', 'wc', '-c'], { input: 'x'.repeat(100_000) })).stdout,
    ).toContain('100000');
    const inTerminal = [
      'script',
      '-qec',
      `${binary} -n ${kubectl.namespace} exec -it web -- tty`,
      '/dev/null',
    ] as const;
    const { stdout } = await execa(inTerminal[0], inTerminal.slice(1), {
      env: cluster.environment,
      timeout: 60_000,
    });
    expect(stdout).toMatch(/\/dev\/(pts\/\d+|console)/);
  });

  it('cp brings files in and out', async () => {
    const text = `copied by ${kubectl.namespace}\n`.repeat(10_000);
    const [there, back] = [join(scratch, 'there'), join(scratch, `back-${kubectl.namespace}`)];
    writeFileSync(there, text);
    await kubectl.run('cp', there, 'web:/tmp/copy');
    await kubectl.run('cp', 'web:/tmp/copy', back);
    expect(readFileSync(back, 'utf8')).toBe(text);
  });

  it('port-forward carries data', async () => {
    const serve = ['--', 'sh', '-c', 'echo served > /tmp/page; exec httpd -f -p 8087 -h /tmp'];
    await kubectl.run('run', 'served', '--image=busybox', '--port=8087', ...serve);
    await kubectl.run('wait', '--for=condition=Ready', 'pod/served', '--timeout=60s');
    const forwarding = kubectl.start(['port-forward', 'pod/served', ':8087']);
    const [, port] = await lineOf(forwarding, /127\.0\.0\.1:(\d+)/);
    const answer = await fetch(`http://127.0.0.1:${port}/page`);
    expect(await answer.text()).toBe('served\n');
    forwarding.kill();
  });

  it('attach shows what it writes from now on', async () => {
    const attached = kubectl.start(['attach', 'web']);
    await lineOf(attached, /^line \d+$/);
    attached.kill();
  });

  it('debug adds a container that sees the processes of another', async () => {
    const args = ['debug', 'web', '-i', '--image=busybox', '--target=web', '-c', 'dbg', '--', 'sh'];
    const { exitCode, stdout } = await kubectl.start(args, { input: 'ps; exit 0\n' });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/ 1 \S+ +sh -c echo started/);
    expect(await kubectl.run('get', 'pod', 'web')).toMatch(/web +1\/1 +Running +0 /);
  });

  // Newer kubectls send the copy as protobuf: it was once refused.
  it('debug makes a copy with one container more', async () => {
    await kubectl.run('debug', 'web', '--copy-to=copy', '--image=busybox', '-c', 'dbg', '--', 'sleep', '600');
    await kubectl.run('wait', '--for=condition=Ready', 'pod/copy', '--timeout=60s');
    expect(await kubectl.run('get', 'pod', 'copy')).toMatch(/copy +2\/2 +Running/);
    await kubectl.run('delete', 'pod', 'copy', '--now', '--wait=false');
  });

  it('run --rm -i runs to its end, takes input, and leaves nothing', async () => {
    const args = [
      'run',
      'once',
      '--image=busybox',
      '--restart=Never',
      '--rm',
      '-i',
      '--',
      'sh',
      '-c',
      'read word; echo "got $word"',
    ];
    const { exitCode, stdout } = await kubectl.start(args, { input: 'typed\n' });
    expect(exitCode).toBe(0);
    expect(stdout).toContain('got typed');
    expect((await kubectl.start(['get', 'pod', 'once'])).stderr).toContain('pods "once" not found');
  });

  it('run --rm -i prints what a command says that is over at once, every time', async () => {
    for (let time = 0; time < 3; time++) {
      const args = ['run', 'brief', '--image=busybox', '--restart=Never', '--rm', '-i', '--', 'echo', 'hi'];
      const { exitCode, stdout } = await kubectl.start(args, { input: '' });
      expect([exitCode, stdout.includes('hi')]).toEqual([0, true]);
    }
  });

  it('expose and top find it', async () => {
    await kubectl.run('expose', 'pod', 'served', '--port=80', '--target-port=8087');
    expect(await kubectl.run('get', 'service', 'served')).toMatch(/served +ClusterIP/);
    await eventually('usage is known', async () => /web +\d+m +\d+Mi/.test(await kubectl.run('top', 'pod')));
    expect(await kubectl.run('top', 'node')).toMatch(/n1 +\d+m/);
  });

  it('drain says who would be lost, and with --force moves on', async () => {
    const node = await kubectl.run('get', 'pod', 'web', '-o', 'jsonpath={.spec.nodeName}');
    const refused = await kubectl.start(['drain', node]);
    expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining('declare no controller')]);
    await kubectl.run('drain', node, '--force', '--grace-period=1', '--timeout=60s');
    expect(await kubectl.run('get', 'pods', '-A', '--field-selector', `spec.nodeName=${node}`)).toBe('');
    await kubectl.run('uncordon', node);
  });

  it('delete --grace-period ends it in that time', async () => {
    await kubectl.run(
      'run',
      'stubborn',
      '--image=busybox',
      '--',
      'sh',
      '-c',
      'trap "" TERM; while true; do sleep 1; done',
    );
    await kubectl.run('wait', '--for=condition=Ready', 'pod/stubborn', '--timeout=60s');
    await kubectl.run('delete', 'pod', 'stubborn', '--grace-period=1', '--timeout=20s');
    await kubectl.run('delete', 'namespace', kubectl.namespace, '--timeout=60s');
  });
});

describe('an unmodified manifest of Kubernetes', () => {
  const kubectl = new Kubectl(binaries.at(-1)!);
  const manifest = 'manifests/10-kubernetes-pods.yaml';

  it('is applied, answers by its name, and follows its ConfigMap without a restart', async () => {
    await kubectl.run('create', 'namespace', kubectl.namespace);
    await kubectl.run('apply', '-f', manifest);
    await kubectl.run('wait', '--for=condition=Ready', 'pod/greeter', '--timeout=60s');
    await kubectl.run('wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/asker', '--timeout=60s');
    expect(await kubectl.run('logs', 'asker')).toContain('hello from a ConfigMap');
    expect(await kubectl.run('exec', 'greeter', '--', 'sh', '-c', 'echo $CODE; cat /door/code')).toBe(
      '1234\n1234',
    );
    expect(
      (await kubectl.run('apply', '-f', manifest)).split('\n').every((line) => line.endsWith('unchanged')),
    ).toBe(true);
    await kubectl.run('patch', 'configmap', 'greeting', '-p', '{"data":{"index.html":"changed"}}');
    // To a pod its own name is itself, by /etc/hosts; that of the service has a namespace.
    const page = `http://greeter.${kubectl.namespace}/index.html`;
    const ask = ['exec', 'greeter', '--', 'wget', '-qO-', page];
    await eventually('the page changed', async () => (await kubectl.run(...ask)) === 'changed');
    expect(await kubectl.run('get', 'pod', 'greeter')).toMatch(/greeter +1\/1 +Running +0 /);
    await kubectl.run('delete', '-f', manifest, '--timeout=60s');
  });
});
