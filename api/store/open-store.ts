/**
 * From the `--store` flag to a store:
 *
 *   memory
 *   embedded:<directory>
 *   etcd://host:port[,host:port…][?prefix=/gantry/]
 */
import { readFile } from 'node:fs/promises';
import { ApiError } from '../meta/api-error.ts';
import type { Clock } from '../meta/clock.ts';
import type { Logger } from '../meta/logger.ts';
import type { EtcdTls } from './etcd-endpoints.ts';
import { defaultCompactEverySeconds } from './periodic-compaction.ts';
import type { Store } from './store.ts';

export interface OpenStoreOptions {
  clock: Clock;
  logger: Logger;
}

type StoreAddress =
  | { type: 'memory' }
  | { type: 'embedded'; directory: string }
  | { type: 'etcd'; endpoints: string[]; prefix?: string; tlsFiles?: TlsFiles };

interface TlsFiles {
  ca: string;
  cert?: string;
  key?: string;
}

const endpointShape = /^(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\]):\d{1,5}$/;
const etcdParameters = new Set(['prefix', 'ca', 'cert', 'key']);

/** Throws ApiError BadRequest for text that is no store address, ServiceUnavailable when it cannot be opened. */
export async function openStore(url: string, options: OpenStoreOptions): Promise<Store> {
  const address = parseStoreAddress(url);
  // Imported only when chosen: no process pays for loading gRPC or native code it does not use.
  switch (address.type) {
    case 'memory': {
      const { openMemoryStore } = await import('./memory-store.ts');
      return openMemoryStore(options);
    }
    case 'embedded': {
      const { openEmbeddedStore } = await import('./embedded-store.ts');
      return openEmbeddedStore(address.directory, options);
    }
    case 'etcd': {
      const { EtcdStore } = await import('./etcd-store.ts');
      const { tlsFiles, ...rest } = address;
      const tls = tlsFiles && (await readTls(tlsFiles));
      const compactEverySeconds = defaultCompactEverySeconds;
      return new EtcdStore({ ...rest, ...options, compactEverySeconds, ...(tls ? { tls } : {}) });
    }
  }
}

export function parseStoreAddress(url: string): StoreAddress {
  if (url === 'memory') return { type: 'memory' };
  if (url.startsWith('embedded:')) {
    const directory = url.slice('embedded:'.length);
    if (directory !== '') return { type: 'embedded', directory };
  }
  if (url.startsWith('etcd://')) return parseEtcd(url);
  throw invalid(url, 'want memory, embedded:<directory> or etcd://host:port[,host:port…][?prefix=…]');
}

function parseEtcd(url: string): StoreAddress {
  const [hosts = '', query = ''] = url.slice('etcd://'.length).split('?');
  const endpoints = hosts.replace(/\/$/, '').split(',');
  for (const endpoint of endpoints) {
    const port = Number(endpoint.slice(endpoint.lastIndexOf(':') + 1));
    if (!endpointShape.test(endpoint) || port < 1 || port > 65_535) {
      throw invalid(url, `${JSON.stringify(endpoint)} is not host:port`);
    }
  }
  const parameters = new URLSearchParams(query);
  for (const name of parameters.keys()) {
    if (!etcdParameters.has(name)) {
      throw invalid(
        url,
        `unknown parameter ${JSON.stringify(name)}; known are ${[...etcdParameters].join(', ')}`,
      );
    }
  }
  const { prefix, ...files } = Object.fromEntries(parameters) as Partial<TlsFiles> & { prefix?: string };
  return {
    type: 'etcd',
    endpoints,
    ...(prefix === undefined ? {} : { prefix }),
    ...tlsFilesOf(url, files),
  };
}

function tlsFilesOf(url: string, { ca, cert, key }: Partial<TlsFiles>): { tlsFiles?: TlsFiles } {
  if ((cert === undefined) !== (key === undefined)) throw invalid(url, 'cert and key come together');
  if (ca === undefined && cert !== undefined) throw invalid(url, 'cert and key need ca as well');
  if (ca === undefined) return {};
  return { tlsFiles: { ca, ...(cert && key ? { cert, key } : {}) } };
}

async function readTls({ ca, cert, key }: TlsFiles): Promise<EtcdTls> {
  return {
    ca: await readTlsFile(ca),
    ...(cert && key ? { cert: await readTlsFile(cert), key: await readTlsFile(key) } : {}),
  };
}

async function readTlsFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new ApiError('BadRequest', `the TLS file ${path} of the store cannot be read`, {}, error);
  }
}

function invalid(url: string, why: string): ApiError {
  return new ApiError('BadRequest', `${JSON.stringify(url)} is not a store: ${why}`);
}
