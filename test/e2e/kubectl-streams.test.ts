/**
 * exec, attach, cp and port-forward with real kubectls: all SPDY up to 1.29; WebSockets from 1.30 on, but for
 * port-forward, which is SPDY in 1.30 and SPDY in a WebSocket from 1.31 on.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { promisedKubectls } from '../kit/kubectl.ts';
import { eventually, LocalCluster } from './local-cluster.ts';
import { PersonAtTerminal } from './person-at-terminal.ts';

const scratch = mkdtempSync(join(tmpdir(), 'gantry-kubectl-streams-'));
const source = join(scratch, 'blob');
const blob = randomBytes(3 * 1024 * 1024);
const one = /\.1\.(27|29|30|33)$/;
const binaries = promisedKubectls().filter((binary, _at, all) => all.length < 4 || one.test(binary));

const container = (script: string, more: object): object => ({
  containers: [{ name: 'main', image: 'busybox', command: ['sh', '-c', script], ...more }],
});
const jobs = {
  web: container('echo hello > /tmp/index.html; cd /tmp; exec httpd -f -p 8080', {
    ports: [{ containerPort: 8080 }],
  }),
  reader: container('while read x; do echo "got $x"; done; sleep 9999', { stdin: true }),
};

const cluster = new LocalCluster('kstreams');

beforeAll(async () => {
  writeFileSync(source, blob);
  await cluster.up('--nodes', '1');
  for (const [name, spec] of Object.entries(jobs)) {
    const job = { apiVersion: 'gantry.dev/v1', kind: 'Job', metadata: { name } };
    const template = { spec: { type: 'Service', replicas: 1, template: { spec } } };
    await cluster.gantry(['apply', '-f', '-'], { input: JSON.stringify({ ...job, ...template }) });
  }
  for (const name of Object.keys(jobs))
    await cluster.succeed('wait', `job/${name}`, '--for=jsonpath={.status.readyReplicas}=1', '--timeout=60s');
});
afterAll(async () => {
  await cluster.remove();
  rmSync(scratch, { recursive: true, force: true });
  expect(cluster.traces()).toEqual([]);
});

describe.each(binaries.map((binary) => [basename(binary), binary]))('%s', (name, binary) => {
  const run = (...args: string[]) =>
    execa(binary, args, {
      env: cluster.environment,
      reject: false,
      timeout: 60_000,
      stripFinalNewline: false,
    });

  it('exec hands both outputs, input and the exit code through', async () => {
    const script = 'cat; echo err >&2; exit 3';
    const { exitCode, stdout, stderr } = await execa(
      binary,
      ['exec', '-i', 'web-0-0', '--', 'sh', '-c', script],
      { env: cluster.environment, reject: false, input: 'piped' },
    );
    expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: 'piped' });
    expect(stderr).toContain('err\n');
    const missing = await run('exec', 'gone-0-0', '--', 'ls');
    expect(missing.stderr).toMatch(/"gone-0-0" not found/);
  });

  it('exec -it has a terminal of the right size', async () => {
    const person = new PersonAtTerminal(`${binary} exec -it web-0-0 -- sh`, cluster.environment);
    await person.sees('/ # ');
    await person.sees('41 133', 'stty size\r');
    person.type('exit 9\r');
    await person.sawEnd(9);
  });

  it('cp brings bytes there and back', async () => {
    const [there, back] = [`/tmp/${name}`, join(scratch, name)];
    expect(await run('cp', source, `web-0-0:${there}`)).toMatchObject({ exitCode: 0 });
    expect(await run('cp', `web-0-0:${there}`, back)).toMatchObject({ exitCode: 0 });
    expect(readFileSync(back).equals(blob)).toBe(true);
  });

  it('attach reads and types', async () => {
    const client = execa(binary, ['attach', '-i', 'reader-0-0'], {
      env: cluster.environment,
      reject: false,
    });
    let seen = '';
    client.stdout.on('data', (chunk) => {
      seen += chunk;
    });
    client.stdin.write(`from ${name}\n`);
    await eventually('it came back', () => seen === `got from ${name}\n`, 20_000);
    client.kill('SIGKILL');
    await client;
  });

  it('port-forward leads there, many times and with many bytes', async () => {
    const forward = execa(binary, ['port-forward', 'pod/web-0-0', ':8080'], {
      env: cluster.environment,
      reject: false,
    });
    let told = '';
    forward.stdout.on('data', (chunk) => {
      told += chunk;
    });
    await eventually('it listens', () => /127\.0\.0\.1:\d+ ->/.test(told), 20_000);
    const url = `http://${/127\.0\.0\.1:\d+/.exec(told)?.[0]}`;
    const answers = await Promise.all([1, 2, 3].map(async () => (await fetch(`${url}/index.html`)).text()));
    expect(answers).toEqual(['hello\n', 'hello\n', 'hello\n']);
    const bytes = Buffer.from(await (await fetch(`${url}/${name}`)).arrayBuffer());
    expect(bytes.equals(blob)).toBe(true);
    forward.kill('SIGKILL');
    await forward;
  });
});
