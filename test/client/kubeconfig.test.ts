import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { ClusterConfig } from '../../client/cluster-config.ts';
import { type Kubeconfig, loadClusterConfig, readKubeconfig } from '../../client/kubeconfig.ts';
import { kubeconfigOf, mergeContext, removeContext, writeKubeconfig } from '../../client/kubeconfig-file.ts';

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gantry-kubeconfig-'));
  path = join(directory, 'config');
});

afterEach(() => rm(directory, { recursive: true }));

const ours: ClusterConfig = {
  server: 'https://127.0.0.1:7443',
  ca: 'CA PEM',
  clientCertificate: 'CERT PEM',
  clientKey: 'KEY PEM',
  namespace: 'default',
};

const foreign = `# my clusters
apiVersion: v1
kind: Config
preferences: {}
clusters:
- name: work   # the one at work
  cluster:
    server: https://work.example:6443
    certificate-authority: work-ca.crt
contexts:
- name: work
  context: {cluster: work, user: me, namespace: team}
current-context: work
users:
- name: me
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: login-helper
`;

const load = async (): Promise<Kubeconfig> => parse(await readFile(path, 'utf8')) as Kubeconfig;

describe('reading a kubeconfig', () => {
  test('gives server, trust and identity of the current context, from JSON and from YAML alike', async () => {
    await writeKubeconfig(path, kubeconfigOf('gantry-dev', ours));
    expect(await loadClusterConfig([path])).toEqual({ ...ours, context: 'gantry-dev' });
    await mergeContext(path, 'other', { ...ours, namespace: 'x', token: 't' });
    expect(await loadClusterConfig([path])).toEqual({
      ...ours,
      namespace: 'x',
      token: 't',
      context: 'other',
    });
    expect(await loadClusterConfig([path], 'gantry-dev')).toEqual({ ...ours, context: 'gantry-dev' });
  });

  test('is readable by its owner only', async () => {
    await writeKubeconfig(path, kubeconfigOf('gantry-dev', ours));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test('follows file references relative to the file', async () => {
    await writeFile(join(directory, 'ca.crt'), 'CA FROM FILE');
    await writeFile(join(directory, 'token'), 'TOKEN FROM FILE\n');
    await writeFile(
      path,
      `clusters: [{name: c, cluster: {server: "https://h", certificate-authority: ca.crt}}]
users: [{name: u, user: {tokenFile: token}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
`,
    );
    expect(await loadClusterConfig([path])).toEqual({
      server: 'https://h',
      ca: 'CA FROM FILE',
      token: 'TOKEN FROM FILE',
      namespace: 'default',
      context: 'x',
    });
  });

  test('merges several files; the first to name a thing wins, files that are missing do not matter', async () => {
    const second = join(directory, 'second');
    await writeKubeconfig(path, kubeconfigOf('a', ours));
    await writeKubeconfig(second, kubeconfigOf('a', { ...ours, server: 'https://loses' }));
    await mergeContext(second, 'b', { ...ours, server: 'https://b' });
    const merged = await readKubeconfig([join(directory, 'missing'), path, second]);
    expect(merged['current-context']).toBe('a');
    expect(merged.clusters.map(({ cluster }) => cluster.server)).toEqual([ours.server, 'https://b']);
  });

  test.each([
    ['no such context', kubeconfigText({ 'current-context': 'nope' }), 'no context "nope"'],
    ['no current context', kubeconfigText({ 'current-context': '' }), 'no current context'],
    ['an empty file', '', 'no current context'],
    ['broken YAML', 'clusters: [', 'neither JSON nor YAML'],
    ['a list', '- a\n', 'must be a mapping'],
    ['a text', 'hello', 'must be a mapping'],
    ['another kind', 'kind: Pod', 'kind must be Config'],
    ['clusters that are no list', 'clusters: {}', 'clusters must be a list'],
    ['a user without a name', 'users: [{user: {}}]', 'users[0] needs a name'],
    [
      'a cluster that is a text',
      'clusters: [{name: a, cluster: x}]',
      'clusters[0].cluster must be a mapping',
    ],
    ['a cluster that does not exist', kubeconfigText({ clusters: [] }), 'no server for cluster a'],
    [
      'an exec plugin',
      kubeconfigText({ users: [{ name: 'a', user: { exec: {} } }] }),
      'exec is not supported',
    ],
    [
      'a key that is missing',
      kubeconfigText({ users: [{ name: 'a', user: { 'client-certificate-data': 'eA==' } }] }),
      'must come together',
    ],
    [
      'a file that is missing',
      kubeconfigText({ users: [{ name: 'a', user: { tokenFile: 'nowhere' } }] }),
      'nowhere',
    ],
  ])('says what is wrong with %s', async (_case, text, message) => {
    await writeFile(path, text);
    await expect(loadClusterConfig([path])).rejects.toThrow(message);
  });
});

function kubeconfigText(change: Partial<Kubeconfig>): string {
  return JSON.stringify({ ...kubeconfigOf('a', ours), ...change });
}

describe("a cluster in the user's kubeconfig", () => {
  test('comes and goes without touching anything else, comments included', async () => {
    await writeFile(path, foreign, { mode: 0o640 });
    await mergeContext(path, 'gantry-dev', ours);
    const merged = await load();
    expect(merged['current-context']).toBe('gantry-dev');
    expect(merged.contexts.map(({ name }) => name)).toEqual(['work', 'gantry-dev']);
    expect(merged.users[0]!.user.exec).toEqual({
      apiVersion: 'client.authentication.k8s.io/v1',
      command: 'login-helper',
    });
    const text = await readFile(path, 'utf8');
    expect(text).toContain('# my clusters');
    expect(text).toContain('# the one at work');
    expect((await stat(path)).mode & 0o777).toBe(0o640);

    await removeContext(path, 'gantry-dev');
    expect(await load()).toEqual(parse(foreign));
    expect(await readdir(directory)).toEqual(['config']);
  });

  test('is written twice without a change, and still gives the first current context back', async () => {
    await writeFile(path, foreign);
    await mergeContext(path, 'gantry-dev', ours);
    const once = await readFile(path, 'utf8');
    await mergeContext(path, 'gantry-dev', ours);
    expect(await readFile(path, 'utf8')).toBe(once);
    await removeContext(path, 'gantry-dev');
    expect((await load())['current-context']).toBe('work');
  });

  test('leaves the current context alone on removal when the user chose another meanwhile', async () => {
    await writeFile(path, foreign);
    await mergeContext(path, 'gantry-a', ours);
    await mergeContext(path, 'gantry-b', ours);
    await removeContext(path, 'gantry-a');
    expect((await load())['current-context']).toBe('gantry-b');
    await removeContext(path, 'gantry-b');
    expect((await load())['current-context']).toBe('');
  });

  test('makes the file when there is none, in a directory that need not exist', async () => {
    path = join(directory, 'deep/.kube/config');
    await mergeContext(path, 'gantry-dev', ours);
    expect(await loadClusterConfig([path])).toEqual({ ...ours, context: 'gantry-dev' });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await removeContext(path, 'gantry-dev');
    expect(await load()).toMatchObject({ clusters: [], users: [], contexts: [], 'current-context': '' });
  });

  test('goes to the file a link points to, and the link stays', async () => {
    const real = join(directory, 'real');
    await writeFile(real, foreign);
    await symlink(real, path);
    await mergeContext(path, 'gantry-dev', ours);
    expect(await readFile(real, 'utf8')).toContain('gantry-dev');
    expect((await readKubeconfig([path])).contexts).toHaveLength(2);
    expect((await readdir(directory)).sort()).toEqual(['config', 'real']);
  });

  test('is not written into a file that does not parse', async () => {
    for (const broken of ['clusters: [', 'just text', '- a']) {
      await writeFile(path, broken);
      await expect(mergeContext(path, 'gantry-dev', ours)).rejects.toThrow('left as it is');
      expect(await readFile(path, 'utf8')).toBe(broken);
    }
    expect(await readdir(directory)).toEqual(['config']);
  });

  test('survives many writers at once', async () => {
    await writeFile(path, foreign);
    const names = Array.from({ length: 8 }, (_, i) => `gantry-${i}`);
    await Promise.all(names.map((name) => mergeContext(path, name, ours)));
    expect((await load()).contexts.map(({ name }) => name).sort()).toEqual([...names, 'work']);
  });

  test('is there for kubectl', async () => {
    await writeFile(path, foreign);
    await mergeContext(path, 'gantry-dev', ours);
    const kubectl = (...args: string[]) =>
      promisify(execFile)('kubectl', ['config', ...args, '--kubeconfig', path]);
    expect((await kubectl('current-context')).stdout.trim()).toBe('gantry-dev');
    await kubectl('set-context', 'gantry-dev', '--namespace=mine');
    await removeContext(path, 'gantry-dev');
    expect((await kubectl('get-contexts', '-o', 'name')).stdout.trim()).toBe('work');
  });
});
