/**
 * Certificates of a cluster: one certificate authority, and what it signs for servers and clients.
 * The subject is the identity: CN is the user's name, each O a group (authenticate.ts reads them back).
 *
 * Keys are ECDSA P-256, PEM in PKCS#8. @peculiar/x509 is imported on first use: it costs more to load
 * than all the rest of a starting process, and most starts make no certificate.
 */
import { generateKeyPairSync, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import type { Extension, JsonName } from '@peculiar/x509';
import { ApiError } from '../meta/api-error.ts';
import { systemClock } from '../meta/clock.ts';

export interface KeyPair {
  certPem: string;
  keyPem: string;
}

export interface CertificateRequest {
  commonName: string;
  organizations?: readonly string[];
  /** Subject alternative names: IP addresses and host names, told apart by their form. */
  hosts?: readonly string[];
  usage: 'server' | 'client' | 'both';
  days: number;
}

type X509 = typeof import('@peculiar/x509');
type Keys = webcrypto.CryptoKeyPair;

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' } as const;
const dayMs = 86_400_000;
/** Certificates are valid from a little before now, for machines whose clocks are behind. */
const clockSkewMs = 5 * 60_000;
const authorityYears = 10;

export async function createCertificateAuthority(): Promise<KeyPair> {
  const x509 = await loadX509();
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      ...validity(authorityYears * 365),
      serialNumber: serialNumber(),
      name: [{ CN: ['gantry-ca'] }],
      keys,
      signingAlgorithm,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return { certPem: certificate.toString('pem'), keyPem: await privateKeyPem(x509, keys) };
}

/** What tokens of service accounts are signed with: P-256, PEM in PKCS#8. */
export function createTokenKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: keyAlgorithm.namedCurve });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

export async function issueCertificate(authority: KeyPair, request: CertificateRequest): Promise<KeyPair> {
  const x509 = await loadX509();
  const issuer = new x509.X509Certificate(authority.certPem);
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.create(
    {
      ...validity(request.days),
      serialNumber: serialNumber(),
      subject: subjectOf(request),
      issuer: issuer.subjectName.toJSON(),
      publicKey: keys.publicKey,
      signingKey: await importSigningKey(x509, authority.keyPem),
      signingAlgorithm,
      extensions: [
        ...leafExtensions(x509, request),
        await x509.AuthorityKeyIdentifierExtension.create(issuer, false, webcrypto),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return { certPem: certificate.toString('pem'), keyPem: await privateKeyPem(x509, keys) };
}

async function loadX509(): Promise<X509> {
  // @peculiar/x509 resolves its parts through decorators' metadata and fails without this.
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

function generateKeys(): Promise<Keys> {
  return webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']) as Promise<Keys>;
}

function subjectOf({ commonName, organizations = [] }: CertificateRequest): JsonName {
  return [...organizations.map((organization) => ({ O: [organization] })), { CN: [commonName] }];
}

function leafExtensions(x509: X509, { usage, hosts = [] }: CertificateRequest): Extension[] {
  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  const usages = { server: [serverAuth], client: [clientAuth], both: [serverAuth, clientAuth] }[usage];
  const names = hosts.map((host) => ({ type: isIP(host) ? ('ip' as const) : ('dns' as const), value: host }));
  return [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    new x509.ExtendedKeyUsageExtension(usages),
    ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
  ];
}

function validity(days: number): { notBefore: Date; notAfter: Date } {
  const now = systemClock.now();
  return { notBefore: new Date(now - clockSkewMs), notAfter: new Date(now + days * dayMs) };
}

/** 16 random bytes, positive and without a leading zero, as RFC 5280 wants them. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

async function importSigningKey(x509: X509, keyPem: string): Promise<webcrypto.CryptoKey> {
  const [der] = x509.PemConverter.decode(keyPem);
  if (der === undefined) throw new ApiError('BadRequest', 'the key of the certificate authority is not PEM');
  return webcrypto.subtle.importKey('pkcs8', der, keyAlgorithm, false, ['sign']);
}

async function privateKeyPem(x509: X509, keys: Keys): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
}
