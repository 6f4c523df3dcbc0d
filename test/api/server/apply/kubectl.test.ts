/** Server-side apply by the oldest and the newest kubectl of this machine. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KubectlServer, promisedKubectls } from '../../../kit/kubectl.ts';

let server: KubectlServer;
beforeAll(async () => {
  server = await KubectlServer.start();
});
afterAll(() => server.close());

const promised = promisedKubectls();
const ends = promised.length > 0 ? [...new Set([promised.at(0)!, promised.at(-1)!])] : ['kubectl'];

const job = (name: string, spec: object = {}) => ({
  apiVersion: 'gantry.dev/v1',
  kind: 'Job',
  metadata: { name },
  spec: {
    type: 'Service',
    replicas: 2,
    template: { spec: { containers: [{ name: 'main', image: 'busybox' }] } },
    ...spec,
  },
});

describe.runIf(promised.length > 0).each(ends)('%s', { timeout: 60_000 }, (binary) => {
  const suffix = /[\d.]*$/.exec(binary)![0].replaceAll('.', '-');
  const run = async (expected: number, ...args: string[]): Promise<string> => {
    const { exitCode, output } = await server.run(binary, ...args);
    expect({ exitCode, output }).toEqual({ exitCode: expected, output });
    return output;
  };
  const kubectl = (...args: string[]) => run(0, ...args);
  const field = (name: string, path: string) => kubectl('get', 'gj', name, '-o', `jsonpath={${path}}`);
  const managers = async (name: string) =>
    (await field(name, 'range .metadata.managedFields[*]}{.manager}/{.operation} {end'))
      .trim()
      .split(' ')
      .sort();

  test('applies on the server, again and again', async () => {
    const name = `ssa${suffix}`;
    const file = await server.manifest(name, job(name));
    const apply = () => kubectl('apply', '--server-side', '-f', file);
    expect(await apply()).toBe(`job.gantry.dev/${name} serverside-applied\n`);
    const version = await field(name, '.metadata.resourceVersion');
    await apply();
    expect(await field(name, '.metadata.resourceVersion')).toBe(version);
    expect(await managers(name)).toEqual(['kubectl/Apply']);
    await server.manifest(name, job(name, { replicas: 5 }));
    await apply();
    expect(await field(name, '.spec.replicas')).toBe('5');
  });

  test('explains conflicts, and takes fields over by force', async () => {
    const name = `conflict${suffix}`;
    const file = await server.manifest(name, job(name));
    await kubectl('apply', '--server-side', '-f', file);
    await kubectl('scale', 'gj', name, '--replicas', '7');
    const output = await run(1, 'apply', '--server-side', '-f', file);
    expect(output).toContain('Apply failed with 1 conflict: conflict with "kubectl');
    expect(output).toContain('.spec.replicas');
    expect(output).toContain('Please review the fields above--they currently have other managers');
    await kubectl('apply', '--server-side', '--force-conflicts', '-f', file);
    expect(await field(name, '.spec.replicas')).toBe('2');
    const other = await server.manifest(name, job(name, { replicas: 3 }));
    expect(await run(1, 'apply', '--server-side', '--field-manager=me', '-f', other)).toContain(
      'conflict with "kubectl": .spec.replicas',
    );
  });

  test('moves from client-side apply to the server, and what it drops then goes', async () => {
    const name = `moved${suffix}`;
    const file = await server.manifest(name, job(name, { suspend: true }));
    await kubectl('apply', '-f', file);
    expect(await managers(name)).toEqual(['kubectl-client-side-apply/Update']);
    await server.manifest(name, job(name, { suspend: true, replicas: 4 }));
    await kubectl('apply', '--server-side', '-f', file);
    expect(await field(name, '.spec.replicas')).toBe('4');
    await server.manifest(name, job(name, { replicas: 4 }));
    await kubectl('apply', '--server-side', '-f', file);
    expect(await field(name, '.spec.suspend')).toBe('');
    expect(await managers(name)).not.toContain('kubectl-client-side-apply/Update');
    const version = await field(name, '.metadata.resourceVersion');
    await kubectl('apply', '--server-side', '-f', file);
    expect(await field(name, '.metadata.resourceVersion')).toBe(version);
  });

  test('shows on the server what an apply would change', async () => {
    const name = `diff${suffix}`;
    const file = await server.manifest(name, job(name));
    await kubectl('apply', '--server-side', '-f', file);
    expect(await kubectl('diff', '--server-side', '-f', file)).toBe('');
    await server.manifest(name, job(name, { replicas: 9 }));
    const output = await run(1, 'diff', '--server-side', '-f', file);
    expect(output).toMatch(/-\s+replicas: 2/);
    expect(output).toMatch(/\+\s+replicas: 9/);
    expect(await field(name, '.spec.replicas')).toBe('2');
  });

  test('shows managed fields when asked to, and not else', async () => {
    const name = `shown${suffix}`;
    await kubectl('create', '-f', await server.manifest(name, job(name)));
    expect(await kubectl('get', 'gj', name, '-o', 'yaml')).not.toContain('managedFields');
    expect(await kubectl('get', 'gj', name, '-o', 'yaml', '--show-managed-fields')).toContain(
      'manager: kubectl-create',
    );
  });
});
