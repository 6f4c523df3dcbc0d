/**
 * The SDK as another project gets it: packed by npm, installed beside its dependencies, type checked
 * by that project's own strict compiler, and run. The controller is README's, read from README.
 */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa, type ResultPromise } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually, LocalCluster } from './local-cluster.ts';

const root = resolve(import.meta.dirname, '../..');
const project = mkdtempSync(join(tmpdir(), 'gantry-sdk-'));
const cluster = new LocalCluster('sdk');
let running: ResultPromise | undefined;

const controllerOfReadme = /```ts\n(import [\s\S]*?)```/.exec(
  readFileSync(join(root, 'README.md'), 'utf8'),
)?.[1];

const program = `
import { connect, ControllerRuntime, loadClusterConfig } from 'gantry';
import { settingsController } from './settings-controller.js';

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
const client = connect(await loadClusterConfig([process.argv[2]!]));
await new ControllerRuntime({ client, component: 'settings' }).add(settingsController).run(stop.signal);
`;

const compilerOptions = {
  module: 'nodenext',
  target: 'es2023',
  strict: true,
  types: ['node'],
  outDir: 'built',
};

/** As npm would lay it out, without a registry: the packed files, and links to what they depend on. */
async function install(): Promise<void> {
  await execa('npm', ['pack', '--pack-destination', project], { cwd: root });
  const [archive = ''] = readdirSync(project).filter((name) => name.endsWith('.tgz'));
  const modules = join(project, 'node_modules');
  mkdirSync(join(modules, 'gantry'), { recursive: true });
  await execa('tar', ['-xzf', archive, '-C', 'node_modules/gantry', '--strip-components=1'], {
    cwd: project,
  });
  const { dependencies } = JSON.parse(readFileSync(join(modules, 'gantry/package.json'), 'utf8'));
  for (const name of [...Object.keys(dependencies), '@types/node']) {
    mkdirSync(join(modules, name, '..'), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
}

beforeAll(async () => {
  await install();
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'settings', type: 'module' }));
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
  writeFileSync(join(project, 'settings-controller.ts'), controllerOfReadme ?? '');
  writeFileSync(join(project, 'main.ts'), program);
  await cluster.up('--nodes', '1');
});

afterAll(async () => {
  running?.kill('SIGTERM');
  await running;
  await cluster.remove();
  rmSync(project, { recursive: true, force: true });
});

it("README's controller passes the strict compiler of a project that installed the package", async () => {
  await execa(join(root, 'node_modules/.bin/tsc'), ['-p', '.'], { cwd: project });
});

it('a misspelt field is an error of that compiler', async () => {
  const wrong = join(project, 'wrong.ts');
  writeFileSync(wrong, (controllerOfReadme ?? '').replace('job.spec.replicas', 'job.spec.replcas'));
  const { exitCode, stdout } = await execa(join(root, 'node_modules/.bin/tsc'), ['-p', '.', '--noEmit'], {
    cwd: project,
    reject: false,
  });
  rmSync(wrong);
  expect(exitCode).not.toBe(0);
  expect(stdout).toContain("Property 'replcas' does not exist");
});

it('and it runs: a job gets its settings, and again after they were deleted', async () => {
  running = execa('node', ['built/main.js', cluster.environment['KUBECONFIG'] ?? ''], {
    cwd: project,
    reject: false,
  });
  await cluster.succeed('apply', '-f', 'manifests/01-service.yaml');
  const settings = async (path: string): Promise<string> => {
    const { exitCode, stdout } = await cluster.gantry([
      'get',
      'configmap',
      'hello-settings',
      '-o',
      `jsonpath={${path}}`,
    ]);
    return exitCode === 0 ? stdout : '';
  };
  await eventually('settings of two replicas', async () => (await settings('.data.replicas')) === '2');
  const uid = await settings('.metadata.uid');
  await cluster.succeed('delete', 'configmap', 'hello-settings');
  await eventually('other settings', async () => ![uid, ''].includes(await settings('.metadata.uid')));
});
