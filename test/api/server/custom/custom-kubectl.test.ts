import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { KubectlServer, promisedKubectls } from '../../../kit/kubectl.ts';

const promised = promisedKubectls();
const newest = promised.at(-1) ?? 'kubectl';
let server: KubectlServer;
let files: { definition: string; object: string };

beforeAll(async () => {
  server = await KubectlServer.start();
  const documents = parseAllDocuments(await readFile('manifests/06-crontab.yaml', 'utf8'));
  const [definition = {}, object = {}] = documents.map((document) => document.toJSON() as object);
  files = {
    definition: await server.manifest('definition', definition),
    object: await server.manifest('object', object),
  };
});
afterAll(() => server.close());

/** Runs the newest kubectl; fails unless it ends well. */
async function kubectl(...args: string[]): Promise<string> {
  const { exitCode, output } = await server.run(newest, ...args);
  if (exitCode !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${exitCode}: ${output}`);
  return output;
}

async function refused(...args: string[]): Promise<string> {
  const { exitCode, output } = await server.run(newest, ...args);
  expect(exitCode).not.toBe(0);
  return output;
}

describe.runIf(promised.length > 0)(
  'kubectl and the CronTab of the documentation',
  { timeout: 60_000 },
  () => {
    test('applies the definition, then an object, and sees no change when it does so again', async () => {
      expect(await kubectl('apply', '-f', files.definition)).toContain('crontabs.stable.example.com created');
      await kubectl('wait', '--for=condition=Established', 'crd/crontabs.stable.example.com', '--timeout=5s');
      expect(await kubectl('get', 'crd')).toMatch(
        /^NAME +CREATED AT\ncrontabs\.stable\.example\.com +\d{4}-/,
      );
      expect(await kubectl('api-resources', '--api-group=stable.example.com')).toMatch(
        /crontabs +ct +stable\.example\.com\/v1 +true +CronTab/,
      );
      expect(await kubectl('apply', '-f', files.object)).toBe(
        'crontab.stable.example.com/my-new-cron-object created\n',
      );
      for (const file of Object.values(files))
        expect(await kubectl('apply', '-f', file)).toMatch(/unchanged\n$/);
      expect(await kubectl('diff', '-f', files.object)).toBe('');
    });

    test('shows it in columns, and explains its fields', async () => {
      expect(await kubectl('get', 'ct')).toMatch(
        /^NAME +SPEC +REPLICAS +AGE\nmy-new-cron-object +\* \* \* \* \*\/5 +1 +\d+s\n$/,
      );
      expect(await kubectl('get', 'crontab', 'my-new-cron-object', '-o', 'yaml')).toContain('replicas: 1');
      expect(await kubectl('explain', 'ct')).toMatch(/KIND: +CronTab[\s\S]*Runs an image now and then/);
      expect(await kubectl('explain', 'ct.spec')).toMatch(/cronSpec\s+<string> -required-\s+When to run/);
      expect(await kubectl('describe', 'ct', 'my-new-cron-object')).toMatch(/Cron Spec: +\* \* \* \* \*\/5/);
    });

    test('changes it: patch, scale, label, server-side apply', async () => {
      const ct = ['ct', 'my-new-cron-object'];
      await kubectl('patch', ...ct, '--type=merge', '-p', '{"spec":{"replicas":2}}');
      expect(await kubectl('scale', ...ct, '--replicas=5')).toContain('scaled');
      expect(await kubectl('get', ...ct, '-o', 'jsonpath={.spec.replicas}')).toBe('5');
      await kubectl('label', ...ct, 'team=a');
      expect(await kubectl('get', 'ct', '-l', 'team=a', '-o', 'name')).toBe(
        'crontab.stable.example.com/my-new-cron-object\n',
      );
      expect(await kubectl('apply', '--server-side', '--force-conflicts', '-f', files.object)).toContain(
        'serverside-applied',
      );
      await kubectl('wait', ct.join('/'), '--for=jsonpath={.spec.replicas}=5', '--timeout=5s');
    });

    test('is told what is wrong with it', async () => {
      const patch = (spec: object) =>
        refused('patch', 'ct', 'my-new-cron-object', '--type=merge', '-p', JSON.stringify({ spec }));
      expect(await patch({ replicas: 11 })).toContain(
        'spec.replicas: Invalid value: 11: must be less than or equal to 10',
      );
      expect(await patch({ cronSpec: '* * * *' })).toContain('spec.cronSpec: Invalid value');
      expect(await patch({ image: 'my-single-image' })).toContain('this image runs alone');
      const unknown = await server.manifest('unknown', {
        apiVersion: 'stable.example.com/v1',
        kind: 'CronTab',
        metadata: { name: 'typo' },
        spec: { cronSpec: '* * * * *', image: 'x', someRandomField: 42 },
      });
      expect(await refused('create', '-f', unknown)).toContain('unknown field "spec.someRandomField"');
      expect(await kubectl('create', '--validate=false', '-f', unknown, '-o', 'json')).not.toContain(
        'someRandomField',
      );
    });

    test('watches it, deletes it, and takes the definition away with what is left', async () => {
      const lines = server.lines(newest, 'get', 'ct', '--watch', '--output-watch-events');
      expect(await lines.next()).toMatch(/^EVENT +NAME +SPEC/);
      expect(await lines.next()).toMatch(/^ADDED +my-new-cron-object/);
      expect(await lines.next()).toMatch(/^ADDED +typo/);
      expect(await kubectl('delete', '-f', files.object)).toContain('deleted');
      expect(await lines.next()).toMatch(/^DELETED +my-new-cron-object/);
      await lines.end();
      expect(await kubectl('delete', 'crd', 'crontabs.stable.example.com', '--timeout=10s')).toContain(
        'deleted',
      );
      expect(await refused('get', 'ct')).toMatch(/doesn't have a resource type "ct"|could not find/);
      expect(await kubectl('api-resources', '--api-group=stable.example.com')).not.toContain('crontabs');
    });
  },
);
