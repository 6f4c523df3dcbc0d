/** Credentials that are none, or somebody else's: never more than 401 or 403, and never a word about why. */
import https from 'node:https';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCertificateAuthority, issueCertificate, type KeyPair } from '../../../../api/server/pki.ts';
import { WireServer } from './wire-server.ts';

let server: WireServer;
beforeAll(async () => {
  server = await WireServer.start();
});
afterAll(() => server.close());

const masters = {
  commonName: 'gantry-admin',
  organizations: ['system:masters'],
  usage: 'client',
  days: 1,
} as const;

async function get(options: https.RequestOptions, path = '/api/v1/nodes'): Promise<[number, string]> {
  const response = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    https
      .get(
        {
          host: '127.0.0.1',
          port: server.port,
          ca: server.authority.certPem,
          agent: false,
          path,
          ...options,
        },
        resolve,
      )
      .on('error', reject);
  });
  return [response.statusCode ?? 0, JSON.parse(await text(response)).message];
}

const as = ({ certPem: cert, keyPem: key }: KeyPair): https.RequestOptions => ({ cert, key });
const bearer = (authorization: string): https.RequestOptions => ({ headers: { authorization } });

describe('a certificate', () => {
  test.each<[string, () => Promise<KeyPair>, number]>([
    ['of another authority', async () => issueCertificate(await createCertificateAuthority(), masters), 401],
    ['that has expired', () => issueCertificate(server.authority, { ...masters, days: -1 / 1440 }), 401],
    ['for serving only', () => issueCertificate(server.authority, { ...masters, usage: 'server' }), 401],
    [
      'with a newline in its name',
      () => issueCertificate(server.authority, { ...masters, commonName: 'a\nb' }),
      401,
    ],
    [
      'with a space in a group',
      () => issueCertificate(server.authority, { ...masters, organizations: ['system: masters'] }),
      401,
    ],
    [
      'of nobody in particular',
      () => issueCertificate(server.authority, { ...masters, organizations: [] }),
      403,
    ],
    [
      'with a name like a group',
      () =>
        issueCertificate(server.authority, { ...masters, commonName: 'system:masters', organizations: [] }),
      403,
    ],
    [
      'of a node without its group',
      () =>
        issueCertificate(server.authority, { ...masters, commonName: 'system:node:n1', organizations: [] }),
      403,
    ],
  ])('%s opens nothing', async (_name, issue, status) => {
    const [answered, message] = await get(as(await issue()));
    expect(answered, message).toBe(status);
    if (status === 401) expect(message).toBe('Unauthorized');
  });

  test('cannot pretend to be another user', async () => {
    const headers = { 'impersonate-user': 'system:admin' };
    expect(await get({ ...as(server.admin), headers })).toEqual([
      403,
      expect.stringContaining('impersonation'),
    ]);
  });
});

const unsigned = (header: object, claims: object): string =>
  `${[header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`;

describe('a bearer token', () => {
  test.each<[string, string]>([
    ['that is empty', 'Bearer '],
    ['of 8 KiB', `Bearer ${'x'.repeat(8192)}`],
    ['of another scheme', 'Basic YWRtaW46YWRtaW4='],
    ['in two parts', 'Bearer a b'],
    [
      'signed by nobody',
      `Bearer ${unsigned({ alg: 'none' }, { sub: 'system:admin', groups: ['system:masters'] })}`,
    ],
    [
      'signed with a key from elsewhere',
      `Bearer ${unsigned({ alg: 'HS256', kid: '../../../dev/null' }, { sub: 'x' })}AAAA`,
    ],
    ['with a control character', 'Bearer a\tb'],
  ])('%s opens nothing, not even what anonymous users may read', async (_name, authorization) => {
    expect(await get(bearer(authorization), '/version/')).toEqual([401, 'Unauthorized']);
  });

  test('does not stand above the certificate it comes with', async () => {
    const node = await issueCertificate(server.authority, {
      commonName: 'system:node:n1',
      organizations: ['system:nodes'],
      usage: 'client',
      days: 1,
    });
    const [status] = await get({ ...as(node), ...bearer('Bearer x') }, '/api/v1/nodes/n2');
    expect(status).toBe(403);
  });
});
