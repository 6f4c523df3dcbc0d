import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import { execa } from 'execa';
import { beforeAll, describe, expect, test } from 'vitest';
import { createCertificateAuthority, issueCertificate, type KeyPair } from '../../../api/server/pki.ts';

let authority: KeyPair;
let server: KeyPair;
let client: KeyPair;

beforeAll(async () => {
  authority = await createCertificateAuthority();
  server = await issueCertificate(authority, {
    commonName: 'gantry-apiserver',
    hosts: ['127.0.0.1', '::1', 'localhost'],
    usage: 'server',
    days: 365,
  });
  client = await issueCertificate(authority, {
    commonName: 'gantry-admin',
    organizations: ['system:masters', 'ops'],
    usage: 'client',
    days: 1,
  });
});

/** One TLS connection with client certificates; gives what the server saw, or the error. */
async function handshake(clientPair: KeyPair | undefined, trusted = authority.certPem, host = '127.0.0.1') {
  const listener = tls.createServer({
    cert: server.certPem,
    key: server.keyPem,
    ca: authority.certPem,
    requestCert: true,
    rejectUnauthorized: false,
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const accepted = once(listener, 'secureConnection').catch(() => []);
  const socket = tls.connect({
    port: (listener.address() as AddressInfo).port,
    host: '127.0.0.1',
    ...(host === '127.0.0.1' ? {} : { servername: host }),
    ca: trusted,
    ...(clientPair ? { cert: clientPair.certPem, key: clientPair.keyPem } : {}),
  });
  try {
    await once(socket, 'secureConnect');
    const [peer] = (await accepted) as [tls.TLSSocket];
    return { authorized: peer.authorized, subject: peer.getPeerCertificate().subject };
  } finally {
    socket.destroy();
    listener.close();
  }
}

describe('pki', () => {
  test('a certificate authority signs itself and may sign nothing but leaves', () => {
    const certificate = new X509Certificate(authority.certPem);
    expect(certificate.ca).toBe(true);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.checkPrivateKey(createPrivateKey(authority.keyPem))).toBe(true);
  });

  test('a server certificate holds for its addresses and names, and for no other', () => {
    const certificate = new X509Certificate(server.certPem);
    expect(certificate.checkIssued(new X509Certificate(authority.certPem))).toBe(true);
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkIP('::1')).toBeDefined();
    expect(certificate.checkHost('localhost')).toBe('localhost');
    expect(certificate.checkIP('10.0.0.1')).toBeUndefined();
    expect(certificate.ca).toBe(false);
  });

  test('the subject of a client certificate carries name and groups through a real handshake', async () => {
    const { authorized, subject } = await handshake(client);
    expect(authorized).toBe(true);
    expect(subject).toMatchObject({ CN: 'gantry-admin', O: ['system:masters', 'ops'] });
  });

  test('a certificate of another authority is not authorized', async () => {
    const other = await createCertificateAuthority();
    const stranger = await issueCertificate(other, { commonName: 'gantry-admin', usage: 'client', days: 1 });
    expect((await handshake(stranger)).authorized).toBe(false);
    await expect(handshake(client, other.certPem)).rejects.toThrow(/self.signed|unable to verify|signature/i);
  });

  test('a client refuses the server under a name that is not in its certificate', async () => {
    await expect(handshake(client, authority.certPem, 'example.com')).rejects.toThrow(/altnames/i);
  });

  test('a server certificate is no client certificate', async () => {
    expect((await handshake(server)).authorized).toBe(false);
  });

  test('openssl verifies the chain', async () => {
    const { stdout } = await execa('openssl', ['x509', '-noout', '-text'], { input: server.certPem });
    expect(stdout).toContain('prime256v1');
    expect(stdout).toContain('IP Address:127.0.0.1');
    expect(stdout).toContain('TLS Web Server Authentication');
  });
});
