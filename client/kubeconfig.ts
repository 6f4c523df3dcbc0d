/**
 * Reads kubeconfig files and picks one context: server, authority and identity of one cluster.
 *
 * Several files are merged as kubectl merges them: the first to name a cluster, user, context or current
 * context wins. Relative paths in a file are relative to that file. JSON is read without loading the
 * YAML parser, which a short-lived process would feel.
 */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { defaultNamespace } from '../api/kinds/names.ts';
import { ApiError } from '../api/meta/api-error.ts';
import type { ClusterConfig } from './cluster-config.ts';

export interface KubeconfigCluster {
  server?: string;
  'certificate-authority'?: string;
  'certificate-authority-data'?: string;
  'insecure-skip-tls-verify'?: boolean;
  'tls-server-name'?: string;
}

export interface KubeconfigUser {
  'client-certificate'?: string;
  'client-certificate-data'?: string;
  'client-key'?: string;
  'client-key-data'?: string;
  token?: string;
  tokenFile?: string;
  exec?: unknown;
  'auth-provider'?: unknown;
  username?: string;
}

export interface KubeconfigContext {
  cluster?: string;
  user?: string;
  namespace?: string;
  extensions?: { name: string; extension: unknown }[];
}

export interface Kubeconfig {
  apiVersion: 'v1';
  kind: 'Config';
  'current-context'?: string;
  clusters: { name: string; cluster: KubeconfigCluster }[];
  users: { name: string; user: KubeconfigUser }[];
  contexts: { name: string; context: KubeconfigContext }[];
}

/** Reads and selects in one: the configuration of `context`, or of the current one. */
export async function loadClusterConfig(paths: readonly string[], context?: string): Promise<ClusterConfig> {
  return selectContext(await readKubeconfig(paths), context);
}

/**
 * Reads and merges the files that exist. All embedded: file references are replaced by their contents
 * only when selected, but made absolute here. Throws BadRequest for a file that is no kubeconfig.
 */
export async function readKubeconfig(paths: readonly string[]): Promise<Kubeconfig> {
  const merged: Kubeconfig = { apiVersion: 'v1', kind: 'Config', clusters: [], users: [], contexts: [] };
  for (const path of paths) {
    const file = await readOne(path);
    if (!file) continue;
    merged['current-context'] ||= file['current-context'] ?? '';
    addMissing(merged.clusters, file.clusters);
    addMissing(merged.users, file.users);
    addMissing(merged.contexts, file.contexts);
  }
  return merged;
}

/** Throws NotFound when there is no such context, BadRequest when what it names is missing or unusable. */
export async function selectContext(kubeconfig: Kubeconfig, wanted?: string): Promise<ClusterConfig> {
  const name = wanted ?? kubeconfig['current-context'];
  if (!name) {
    throw new ApiError(
      'NotFound',
      'no cluster is selected: the kubeconfig has no current context (is a cluster up?)',
    );
  }
  const context = kubeconfig.contexts.find((entry) => entry.name === name)?.context;
  if (!context) throw new ApiError('NotFound', `kubeconfig has no context ${JSON.stringify(name)}`);
  const cluster = kubeconfig.clusters.find((entry) => entry.name === context.cluster)?.cluster;
  if (!cluster?.server) {
    throw new ApiError('BadRequest', `kubeconfig context ${name}: no server for cluster ${context.cluster}`);
  }
  const user = kubeconfig.users.find((entry) => entry.name === context.user)?.user ?? {};
  refuseUnsupported(user, context.user ?? '');
  const { server } = cluster;
  const namespace = context.namespace || defaultNamespace;
  return { server, namespace, context: name, ...(await trustOf(cluster)), ...(await identityOf(user)) };
}

async function trustOf(cluster: KubeconfigCluster): Promise<Partial<ClusterConfig>> {
  const ca = await material(cluster['certificate-authority-data'], cluster['certificate-authority']);
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cluster['insecure-skip-tls-verify'] ? { insecureSkipTlsVerify: true } : {}),
    ...(cluster['tls-server-name'] ? { tlsServerName: cluster['tls-server-name'] } : {}),
  };
}

async function identityOf(user: KubeconfigUser): Promise<Partial<ClusterConfig>> {
  const clientCertificate = await material(user['client-certificate-data'], user['client-certificate']);
  const clientKey = await material(user['client-key-data'], user['client-key']);
  if ((clientCertificate === undefined) !== (clientKey === undefined)) {
    throw new ApiError('BadRequest', 'kubeconfig: a client certificate and its key must come together');
  }
  const token = user.token || (user.tokenFile && (await readReferenced(user.tokenFile)).trim());
  return {
    ...(clientCertificate === undefined ? {} : { clientCertificate }),
    ...(clientKey === undefined ? {} : { clientKey }),
    ...(token ? { token } : {}),
  };
}

function refuseUnsupported(user: KubeconfigUser, name: string): void {
  const unsupported = (['exec', 'auth-provider', 'username'] as const).find(
    (field) => user[field] !== undefined,
  );
  if (unsupported) {
    throw new ApiError(
      'BadRequest',
      `kubeconfig user ${name}: ${unsupported} is not supported; use a client certificate or a token`,
    );
  }
}

/** PEM text, from base64 in the file or from the file it names. Data wins, as in kubectl. */
async function material(data: string | undefined, path: string | undefined): Promise<string | undefined> {
  if (data) return Buffer.from(data, 'base64').toString();
  return path ? readReferenced(path) : undefined;
}

async function readReferenced(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new ApiError('BadRequest', `kubeconfig names a file that cannot be read: ${path}`, {}, error);
  }
}

async function readOne(path: string): Promise<Kubeconfig | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new ApiError('BadRequest', `kubeconfig ${path} cannot be read`, {}, error);
  }
  const file = checked(await parse(text, path), path);
  return withAbsolutePaths(file, dirname(resolve(path)));
}

async function parse(text: string, path: string): Promise<unknown> {
  if (text.trim() === '') return {};
  if (text.trimStart().startsWith('{')) {
    try {
      return JSON.parse(text);
    } catch {
      // Flow-style YAML begins like JSON.
    }
  }
  const { default: yaml } = await import('yaml');
  try {
    return yaml.parse(text) ?? {};
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new ApiError('BadRequest', `kubeconfig ${path} is neither JSON nor YAML: ${why}`, {}, error);
  }
}

const lists = { clusters: 'cluster', users: 'user', contexts: 'context' } as const;

/** Checks as much as is needed so that nothing later trips over the shape. */
function checked(file: unknown, path: string): Kubeconfig {
  const bad = (what: string): ApiError => new ApiError('BadRequest', `kubeconfig ${path}: ${what}`);
  if (!isRecord(file)) throw bad('it must be a mapping with clusters, users and contexts');
  if (file['kind'] !== undefined && file['kind'] !== 'Config') throw bad(`kind must be Config`);
  for (const [list, part] of Object.entries(lists)) {
    const entries = (file[list] ??= []);
    if (!Array.isArray(entries)) throw bad(`${list} must be a list`);
    entries.forEach((entry, position) => {
      if (!isRecord(entry) || typeof entry['name'] !== 'string')
        throw bad(`${list}[${position}] needs a name`);
      if (!isRecord((entry[part] ??= {}))) throw bad(`${list}[${position}].${part} must be a mapping`);
    });
  }
  return file as unknown as Kubeconfig;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function withAbsolutePaths(file: Kubeconfig, directory: string): Kubeconfig {
  const absolute = <T extends object>(part: T, fields: readonly (keyof T)[]): void => {
    for (const field of fields) {
      const path = part[field];
      if (typeof path === 'string' && path !== '') Object.assign(part, { [field]: resolve(directory, path) });
    }
  };
  for (const { cluster } of file.clusters) absolute(cluster, ['certificate-authority']);
  for (const { user } of file.users) absolute(user, ['client-certificate', 'client-key', 'tokenFile']);
  return file;
}

function addMissing<T extends { name: string }>(into: T[], from: readonly T[]): void {
  for (const entry of from) if (!into.some(({ name }) => name === entry.name)) into.push(entry);
}
