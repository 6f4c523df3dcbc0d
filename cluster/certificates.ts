/**
 * The identities of a cluster: one CA, a serving certificate for the API server, and a certificate and
 * kubeconfig for the admin, every component and every node. What exists is kept; what is missing, or was
 * made for other addresses, is made.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type CertificateRequest,
  createCertificateAuthority,
  issueCertificate,
  type KeyPair,
} from '../api/server/pki.ts';
import { type ClusterHome, type ClusterRecord, readJson, writeJson } from './cluster-home.ts';

const years = 365;

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
  const hosts = ['localhost', 'gantry', ...new Set(record.apiAddresses)];
  await ensureKeyPair(authority, join(home.pki, 'apiserver'), {
    commonName: 'gantry-apiserver',
    hosts,
    usage: 'server',
    days: 5 * years,
  });
  await ensureKeyPair(authority, join(home.pki, 'apiserver-client'), {
    commonName: 'system:gantry-apiserver',
    organizations: ['system:gantry'],
    usage: 'client',
    days: 5 * years,
  });
  const [adminAddress = '127.0.0.1', nodeAddress = adminAddress] = record.apiAddresses;
  for (const { file, commonName, organization } of clients) {
    const pair = await ensureKeyPair(authority, join(home.pki, file), {
      commonName,
      organizations: [organization],
      usage: 'client',
      days: 5 * years,
    });
    const target = file === 'admin' ? home.kubeconfigFile : kubeconfigOf(home, file);
    await writeKubeconfig(target, {
      cluster: `gantry-${home.name}`,
      server: `https://${adminAddress}:${record.apiPort}`,
      authority,
      pair,
    });
  }
  for (const node of record.nodes) {
    const directory = nodePki(home, node.name);
    const pair = await ensureKeyPair(authority, join(directory, 'node'), {
      commonName: `system:node:${node.name}`,
      organizations: ['system:nodes'],
      hosts: [node.name, node.address],
      usage: 'both',
      days: 5 * years,
    });
    await writeFile(join(directory, 'ca.crt'), authority.certPem);
    const server = `https://${node.networkNamespace ? nodeAddress : adminAddress}:${record.apiPort}`;
    await writeKubeconfig(kubeconfigOf(home, `node-${node.name}`), {
      cluster: `gantry-${home.name}`,
      server,
      authority,
      pair,
    });
  }
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

interface KubeconfigContent {
  cluster: string;
  server: string;
  authority: KeyPair;
  pair: KeyPair;
}

/** A kubeconfig in JSON, which is YAML too: parts read it without loading a YAML parser. */
async function writeKubeconfig(
  file: string,
  { cluster, server, authority, pair }: KubeconfigContent,
): Promise<void> {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  await writeJson(file, {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: cluster, cluster: { server, 'certificate-authority-data': base64(authority.certPem) } },
    ],
    users: [
      {
        name: cluster,
        user: { 'client-certificate-data': base64(pair.certPem), 'client-key-data': base64(pair.keyPem) },
      },
    ],
    contexts: [{ name: cluster, context: { cluster, user: cluster, namespace: 'default' } }],
    'current-context': cluster,
  });
}
