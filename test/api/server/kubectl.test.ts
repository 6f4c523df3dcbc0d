import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KubectlServer, promisedKubectls } from '../../kit/kubectl.ts';

const job = (name: string, spec: object = {}, container: object = {}) => ({
  apiVersion: 'gantry.dev/v1',
  kind: 'Job',
  metadata: { name },
  spec: {
    type: 'Service',
    replicas: 2,
    template: { spec: { containers: [{ name: 'main', image: 'busybox', ...container }] } },
    ...spec,
  },
});

let server: KubectlServer;
beforeAll(async () => {
  server = await KubectlServer.start();
});
afterAll(() => server.close());

const promised = promisedKubectls();
const newest = promised.at(-1) ?? 'kubectl';

/** Runs the newest kubectl; fails unless it ends well. */
async function kubectl(...args: string[]): Promise<string> {
  const { exitCode, output } = await server.run(newest, ...args);
  if (exitCode !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${exitCode}: ${output}`);
  return output;
}

/** Runs the newest kubectl, which must fail; gives what it says. */
async function refused(...args: string[]): Promise<string> {
  const { exitCode, output } = await server.run(newest, ...args);
  expect(exitCode).not.toBe(0);
  return output;
}

describe.runIf(promised.length > 0)('the newest kubectl', { timeout: 60_000 }, () => {
  test('finds the kinds again with a warm cache', async () => {
    const line = /^jobs\s+gj\s+gantry\.dev\/v1\s+true\s+Job$/m;
    expect(await kubectl('api-resources')).toMatch(line);
    expect(await kubectl('api-resources')).toMatch(line);
    expect(await kubectl('version')).toMatch(/Server Version: v1\.30\.0\+gantry/);
  });

  test('explains fields with their types, values and descriptions', async () => {
    expect(await kubectl('explain', 'gj.spec')).toMatch(/template\s+<Object> -required-/);
    expect(await kubectl('explain', 'gj.spec.type')).toMatch(/ENUM:\n\s+Service\n\s+Batch/);
    expect(await kubectl('explain', 'gj.spec.update')).toMatch(/maxSurge\s+<IntOrString>/);
    expect(await kubectl('explain', 'gt.spec.containers.resources')).toMatch(
      /limits\s+<map\[string\]Quantity>/,
    );
    expect(await kubectl('explain', 'node.spec.taints')).toMatch(/effect\s+<string> -required-/);
  });

  test('applies, shows, changes and deletes a job', async () => {
    const file = await server.manifest(
      'web',
      job('web', {}, { resources: { limits: { memory: '1024Ki' } } }),
    );
    expect(await kubectl('apply', '-f', file)).toBe('job.gantry.dev/web created\n');
    const version = () => kubectl('get', 'gj', 'web', '-o', 'jsonpath={.metadata.resourceVersion}');
    const before = await version();
    await kubectl('apply', '-f', file);
    expect(await version()).toBe(before);
    expect(await kubectl('get', 'gj')).toMatch(
      /^NAME +TYPE +READY +STATUS +AGE\nweb +Service +0\/2 +Pending +\d+s\n$/,
    );
    expect(await kubectl('get', 'gj', '-o', 'wide')).toMatch(/SELECTOR\n.*busybox +gantry\.dev\/job=web\n$/);
    expect(await kubectl('get', 'gj', 'web', '-o', 'yaml')).toMatch(/memory: 1Mi/);
    expect(await kubectl('scale', 'gj', 'web', '--replicas', '4')).toBe('job.gantry.dev/web scaled\n');
    await kubectl('label', 'gj', 'web', 'team=a');
    expect(await kubectl('get', 'gj', '-l', 'team in (a,b)', '-o', 'name')).toBe('job.gantry.dev/web\n');
    await kubectl('wait', 'gj/web', '--for=jsonpath={.spec.replicas}=4', '--timeout=5s');
    await kubectl(
      'patch',
      'gj',
      'web',
      '--type=json',
      '-p',
      '[{"op":"replace","path":"/spec/replicas","value":1}]',
    );
    expect(await kubectl('describe', 'gj', 'web')).toMatch(/Replicas: +1/);
    expect(await kubectl('get', 'all')).toContain('job.gantry.dev/web');
    expect(await kubectl('delete', 'gj', 'web')).toContain('job.gantry.dev "web" deleted');
    expect(await kubectl('get', 'gj')).toContain('No resources found');
  });

  test('watches', async () => {
    await kubectl('create', '-f', await server.manifest('seen', job('seen')));
    const lines = server.lines(newest, 'get', 'gj', '-w', '--field-selector=metadata.name=seen');
    expect(await lines.next()).toMatch(/^NAME/);
    expect(await lines.next()).toMatch(/^seen +Service +0\/2/);
    await kubectl('scale', 'gj', 'seen', '--replicas', '9');
    expect(await lines.next()).toMatch(/^seen +Service +0\/9/);
    await kubectl('label', 'gj', 'seen', 'a=b');
    expect(await lines.next()).toMatch(/^seen +Service +0\/9/);
    await lines.end();
    await kubectl('delete', 'gj', 'seen');
  });

  test('cordons, taints, labels and describes a node', async () => {
    const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } };
    await kubectl('create', '-f', await server.manifest('node', node));
    await kubectl('cordon', 'n1');
    await kubectl('taint', 'node', 'n1', 'dedicated=db:NoSchedule');
    await kubectl('label', 'node', 'n1', 'zone=a');
    expect(await kubectl('get', 'nodes')).toMatch(/n1 +Unknown,SchedulingDisabled/);
    const described = await kubectl('describe', 'node', 'n1');
    expect(described).toMatch(/Taints: +dedicated=db:NoSchedule/);
    expect(described).toMatch(/Non-terminated Pods: +\(0 in total\)/);
    await kubectl('uncordon', 'n1');
    await kubectl('taint', 'node', 'n1', 'dedicated-');
    expect(await kubectl('get', 'node', 'n1', '-o', 'jsonpath={.spec}')).toBe('{}');
  });

  test('creates the kinds compiled into it', async () => {
    await kubectl('create', 'namespace', 'team-a');
    await kubectl('create', 'configmap', 'c', '--from-literal=key=value', '-n', 'team-a');
    await kubectl('create', 'secret', 'generic', 's', '--from-literal=key=value', '-n', 'team-a');
    await kubectl('create', 'priorityclass', 'urgent', '--value=250000', '--description=soon');
    const value = (kind: string) => kubectl('get', kind, '-n', 'team-a', '-o', 'jsonpath={.data.key}');
    expect(await value('configmap/c')).toBe('value');
    expect(await value('secret/s')).toBe('dmFsdWU=');
    expect(await kubectl('get', 'pc', 'urgent')).toMatch(/250000/);
  });

  test('asks what it may do, and who it is', async () => {
    expect(await kubectl('auth', 'can-i', 'create', 'gj')).toBe('yes\n');
    expect(await kubectl('auth', 'whoami')).toMatch(/gantry-admin/);
    expect(await kubectl('auth', 'can-i', '--list')).toMatch(/\*\.\*/);
  });

  test('is told what is wrong, in one line', async () => {
    const apply = async (name: string, manifest: object) =>
      refused('apply', '-f', await server.manifest(name, manifest));
    expect(await apply('typo', job('typo', { replica: 3 }))).toContain(
      'strict decoding error: unknown field "spec.replica" (did you mean "replicas"?)',
    );
    expect(await apply('negative', job('negative', { replicas: -1 }))).toBe(
      'The Job "negative" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0\n',
    );
    expect(await apply('slash', job('a/b'))).toMatch(/invalid|metadata\.name/);
    expect(await refused('get', 'gj', '--as', 'bob')).toContain(
      'impersonation (kubectl --as) is not supported',
    );
    expect(await refused('get', 'gj', 'nope')).toBe(
      'Error from server (NotFound): jobs.gantry.dev "nope" not found\n',
    );
    expect(await refused('get', 'gj', '-l', 'a in (')).toContain('wanted');
    await kubectl('create', '-f', await server.manifest('here', job('here')));
    expect(await refused('create', '-f', await server.manifest('here', job('here')))).toContain(
      'AlreadyExists',
    );
    expect(
      await refused(
        'patch',
        'gj',
        'here',
        '--type=json',
        '-p',
        '[{"op":"test","path":"/spec/replicas","value":9}]',
      ),
    ).toContain('the value is not the one that was tested for');
  });
});
