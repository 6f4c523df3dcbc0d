/**
 * Changes kubeconfig files: writes one of our own, puts a context into the user's and takes it out again.
 *
 * Invariant: a file of the user changes atomically and only in the entries we name; everything else,
 * comments too, stays as it was. A file that does not parse is never written to.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Document, YAMLMap, YAMLSeq } from 'yaml';
import { ApiError } from '../api/meta/api-error.ts';
import { type Clock, sleep, systemClock } from '../api/meta/clock.ts';
import type { ClusterConfig } from './cluster-config.ts';
import type { Kubeconfig, KubeconfigContext, KubeconfigUser } from './kubeconfig.ts';

type Yaml = typeof import('yaml');
type Entries = YAMLSeq<YAMLMap>;

/** Our mark on a context: what was current before it, so that its removal can restore that. */
const extensionName = 'gantry.dev';

/** A kubeconfig with one context, its cluster and its user, all called `name`; certificates inline. */
export function kubeconfigOf(name: string, config: ClusterConfig): Kubeconfig {
  const cluster = {
    server: config.server,
    ...(config.ca ? { 'certificate-authority-data': base64(config.ca) } : {}),
    ...(config.insecureSkipTlsVerify ? { 'insecure-skip-tls-verify': true } : {}),
    ...(config.tlsServerName ? { 'tls-server-name': config.tlsServerName } : {}),
  };
  const user: KubeconfigUser = {
    ...(config.clientCertificate ? { 'client-certificate-data': base64(config.clientCertificate) } : {}),
    ...(config.clientKey ? { 'client-key-data': base64(config.clientKey) } : {}),
    ...(config.token ? { token: config.token } : {}),
  };
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [{ name, cluster }],
    users: [{ name, user }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: config.namespace } }],
  };
}

/** Writes a kubeconfig of our own (JSON, which is YAML too and parses faster), readable by the owner only. */
export async function writeKubeconfig(path: string, kubeconfig: Kubeconfig): Promise<void> {
  await replaceFile(path, `${JSON.stringify(kubeconfig, null, 2)}\n`, 0o600);
}

/** Puts context, cluster and user `name` into the file, which need not exist, and makes the context current. */
export async function mergeContext(path: string, name: string, config: ClusterConfig): Promise<void> {
  const ours = kubeconfigOf(name, config);
  await edit(path, (document, yaml) => {
    const current = document.get('current-context');
    const previous = current === name ? previousOf(document, yaml, name) : current;
    const context: KubeconfigContext = {
      ...ours.contexts[0]!.context,
      extensions: [{ name: extensionName, extension: { previousContext: previous ?? '' } }],
    };
    put(document, yaml, 'clusters', ours.clusters[0]!);
    put(document, yaml, 'users', ours.users[0]!);
    put(document, yaml, 'contexts', { name, context });
    document.set('current-context', name);
    return true;
  });
}

/** Takes context, cluster and user `name` out; if it was current, what was current before it is again. */
export async function removeContext(path: string, name: string): Promise<void> {
  await edit(path, (document, yaml) => {
    const previous = previousOf(document, yaml, name);
    const removed = ['clusters', 'users', 'contexts'].map((list) => take(document, yaml, list, name));
    if (document.get('current-context') === name) {
      const there = entriesOf(document, yaml, 'contexts')?.items.some(
        (entry) => entry.get('name') === previous,
      );
      document.set('current-context', there ? previous : '');
    }
    return removed.includes(true);
  });
}

/** Runs `change` on the parsed file under kubectl's own lock; writes when it says that something changed. */
async function edit(path: string, change: (document: Document, yaml: Yaml) => boolean): Promise<void> {
  const { default: yaml } = await import('yaml');
  const target = await realpath(path).catch(() => path);
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  const unlock = await lock(`${target}.lock`);
  try {
    const text = await readFile(target, 'utf8').catch(emptyWhenMissing);
    const document = parse(text, path, yaml);
    if (!change(document, yaml)) return;
    const mode = await stat(target).then(
      ({ mode }) => mode & 0o777,
      () => 0o600,
    );
    await replaceFile(target, document.toString({ lineWidth: 0 }), mode);
  } finally {
    await unlock();
  }
}

function parse(text: string, path: string, yaml: Yaml): Document {
  const empty = { apiVersion: 'v1', kind: 'Config', clusters: [], users: [], contexts: [] };
  const document = yaml.parseDocument(text.trim() === '' ? JSON.stringify(empty) : text);
  const broken =
    document.errors[0]?.message ?? (yaml.isMap(document.contents) ? undefined : 'it is no mapping');
  if (broken) {
    const why = broken.split('\n')[0];
    throw new ApiError('BadRequest', `kubeconfig ${path} does not parse and was left as it is: ${why}`);
  }
  if (text.trim() === '') yaml.visit(document, { Collection: (_key, node) => void (node.flow = false) });
  return document as Document;
}

function entriesOf(document: Document, yaml: Yaml, list: string): Entries | undefined {
  const entries = document.get(list);
  return yaml.isSeq(entries) ? (entries as Entries) : undefined;
}

function put<T extends { name: string }>(document: Document, yaml: Yaml, list: string, entry: T): void {
  const entries = entriesOf(document, yaml, list);
  const node = document.createNode(entry) as YAMLMap;
  if (!entries) {
    document.set(list, document.createNode([entry]));
    return;
  }
  entries.flow &&= entries.items.length > 0;
  const position = entries.items.findIndex((known) => known.get('name') === entry.name);
  if (position < 0) entries.items.push(node);
  else entries.items[position] = node;
}

function take(document: Document, yaml: Yaml, list: string, name: string): boolean {
  const entries = entriesOf(document, yaml, list);
  const position = entries?.items.findIndex((entry) => entry.get('name') === name) ?? -1;
  if (position >= 0) entries?.items.splice(position, 1);
  return position >= 0;
}

function previousOf(document: Document, yaml: Yaml, name: string): string {
  const entry = entriesOf(document, yaml, 'contexts')?.items.find((known) => known.get('name') === name);
  const { context } = (entry?.toJSON() ?? {}) as { context?: KubeconfigContext };
  const mark = context?.extensions?.find((extension) => extension.name === extensionName)?.extension;
  return (mark as { previousContext?: string } | undefined)?.previousContext ?? '';
}

/** kubectl's lock: it too refuses to write while `<file>.lock` exists. Gives the way to unlock. */
async function lock(path: string, clock: Clock = systemClock): Promise<() => Promise<void>> {
  for (let tries = 0; tries < 50; tries++) {
    try {
      await (await open(path, 'wx')).close();
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    await sleep(clock, 100);
  }
  throw new ApiError(
    'Timeout',
    `another program is changing the kubeconfig; if none is, remove its left-over lock ${path}`,
  );
}

async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await writeFile(temporary, text, { mode, flag: 'wx' });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

function emptyWhenMissing(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return '';
  throw error;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
