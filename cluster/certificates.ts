/**
 * The identities of a cluster: one CA, a serving certificate for the API server, the key that signs tokens of
 * service accounts, and a certificate and kubeconfig for the admin, every component and every node. What exists is kept; what is missing, or was
 * made for other addresses, is made.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type CertificateRequest,
  createCertificateAuthority,
  createTokenKey,
  issueCertificate,
  type KeyPair,
} from '../api/server/pki.ts';
import { kubeconfigOf as kubeconfigFor, writeKubeconfig } from '../client/kubeconfig-file.ts';
import {
  type ClusterHome,
  type ClusterRecord,
  type NodeRecord,
  readJson,
  writeJson,
} from './cluster-home.ts';

/** A local cluster's certificates are made anew long before they end: whenever an address changes, or with the cluster. */
const days = 5 * 365;

/** user name and group of every client, as the API server's authorization table knows them. */
const clients = [
  { file: 'admin', commonName: 'gantry-admin', organization: 'system:masters' },
  { file: 'controllers', commonName: 'system:gantry-controllers', organization: 'system:gantry' },
  { file: 'scheduler', commonName: 'system:gantry-scheduler', organization: 'system:gantry' },
] as const;

export const kubeconfigOf = (home: ClusterHome, part: string): string =>
  join(home.kubeconfigs, `${part}.json`);
export const nodePki = (home: ClusterHome, node: string): string => join(home.pki, 'nodes', node);

export async function ensureCertificates(home: ClusterHome, record: ClusterRecord): Promise<void> {
  const authority = await ensureAuthority(home);
  const [adminAddress = '127.0.0.1', nodeAddress = adminAddress] = record.apiAddresses;
  const server = (address: string): string => `https://${address}:${record.apiPort}`;
  await ensureServerCertificates(home, authority, record);
  await ensureTokenKey(join(home.pki, 'sa.key'));
  for (const { file, commonName, organization } of clients) {
    const request = { commonName, organizations: [organization], usage: 'client', days } as const;
    const pair = await ensureKeyPair(authority, join(home.pki, file), request);
    const target = file === 'admin' ? home.kubeconfigFile : kubeconfigOf(home, file);
    await writeWayIn(target, { home, server: server(adminAddress), authority, pair });
  }
  for (const node of record.nodes) {
    const pair = await ensureNodeCertificate(home, authority, node);
    const address = node.networkNamespace ? nodeAddress : adminAddress;
    await writeWayIn(kubeconfigOf(home, `node-${node.name}`), {
      home,
      server: server(address),
      authority,
      pair,
    });
  }
}

async function ensureServerCertificates(
  home: ClusterHome,
  authority: KeyPair,
  record: ClusterRecord,
): Promise<void> {
  const hosts = ['localhost', 'gantry', ...new Set(record.apiAddresses)];
  await ensureKeyPair(authority, join(home.pki, 'apiserver'), {
    commonName: 'gantry-apiserver',
    hosts,
    usage: 'server',
    days,
  });
  const organizations = ['system:gantry'];
  await ensureKeyPair(authority, join(home.pki, 'apiserver-client'), {
    commonName: 'system:gantry-apiserver',
    organizations,
    usage: 'client',
    days,
  });
}

/** A key of its own: whoever gets the server's TLS key cannot make tokens, and a new certificate ends none. */
async function ensureTokenKey(file: string): Promise<void> {
  if (!existsSync(file)) await writeFile(file, createTokenKey(), { mode: 0o600 });
}

async function ensureNodeCertificate(
  home: ClusterHome,
  authority: KeyPair,
  { name, address }: NodeRecord,
): Promise<KeyPair> {
  const directory = nodePki(home, name);
  const request = {
    commonName: `system:node:${name}`,
    organizations: ['system:nodes'],
    hosts: [name, address],
    usage: 'both',
    days,
  } as const;
  const pair = await ensureKeyPair(authority, join(directory, 'node'), request);
  await writeFile(join(directory, 'ca.crt'), authority.certPem);
  return pair;
}

interface WayIn {
  home: ClusterHome;
  server: string;
  authority: KeyPair;
  pair: KeyPair;
}

async function writeWayIn(file: string, { home, server, authority, pair }: WayIn): Promise<void> {
  const identity = { clientCertificate: pair.certPem, clientKey: pair.keyPem };
  await writeKubeconfig(
    file,
    kubeconfigFor(`gantry-${home.name}`, {
      server,
      ca: authority.certPem,
      ...identity,
      namespace: 'default',
    }),
  );
}

async function ensureAuthority(home: ClusterHome): Promise<KeyPair> {
  const base = join(home.pki, 'ca');
  if (existsSync(`${base}.crt`)) return readKeyPair(base);
  const authority = await createCertificateAuthority();
  await writeKeyPair(base, authority);
  return authority;
}

/** `<base>.request.json` remembers what the certificate was made for, so that a changed address makes a new one. */
async function ensureKeyPair(
  authority: KeyPair,
  base: string,
  request: CertificateRequest,
): Promise<KeyPair> {
  const made = await readJson<CertificateRequest>(`${base}.request.json`);
  if (existsSync(`${base}.crt`) && JSON.stringify(made) === JSON.stringify(request)) return readKeyPair(base);
  const pair = await issueCertificate(authority, request);
  await mkdir(dirname(base), { recursive: true, mode: 0o700 });
  await writeKeyPair(base, pair);
  await writeJson(`${base}.request.json`, request);
  return pair;
}

async function readKeyPair(base: string): Promise<KeyPair> {
  return { certPem: await readFile(`${base}.crt`, 'utf8'), keyPem: await readFile(`${base}.key`, 'utf8') };
}

async function writeKeyPair(base: string, { certPem, keyPem }: KeyPair): Promise<void> {
  await writeFile(`${base}.key`, keyPem, { mode: 0o600 });
  await writeFile(`${base}.crt`, certPem);
}
