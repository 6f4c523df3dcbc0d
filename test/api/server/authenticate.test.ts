import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createAuthenticator, parseTokenTable } from '../../../api/server/authenticate.ts';
import { anonymousUser } from '../../../api/server/user.ts';
import { reasonOf } from '../../reason-of.ts';

const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex');
const tokens = parseTokenTable(
  [
    '# name the machine, not the person',
    '',
    `${hashOf('s3cret')} ci-robot ops,builders`,
    `${hashOf('other')} gantry-admin system:masters`,
  ].join('\n'),
);
const authenticator = createAuthenticator({ tokens });

describe('authentication', () => {
  test('a certificate names its user and groups', () => {
    const user = authenticator.authenticate({
      certificate: { commonName: 'system:node:n1', organizations: ['system:nodes'] },
    });
    expect(user).toEqual({ name: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] });
  });

  test('a token names its user and groups', () => {
    expect(authenticator.authenticate({ authorization: 'Bearer s3cret' })).toEqual({
      name: 'ci-robot',
      groups: ['ops', 'builders', 'system:authenticated'],
    });
    expect(authenticator.authenticate({ authorization: 'bearer other' }).groups).toContain('system:masters');
  });

  test('nothing at all is anonymous', () => {
    expect(authenticator.authenticate({})).toEqual(anonymousUser);
  });

  test.each<[string, string]>([
    ['a wrong token', 'Bearer wrong'],
    ['the hash instead of the token', `Bearer ${hashOf('s3cret')}`],
    ['an empty token', 'Bearer '],
    ['an empty header', ''],
    ['basic credentials', 'Basic czNjcmV0'],
    ['two tokens', 'Bearer s3cret other'],
    ['a token with a space behind', 'Bearer s3cret '],
    ['a token of a megabyte', `Bearer ${'x'.repeat(1_000_000)}`],
    ['an unsigned token', 'Bearer eyJhbGciOiJub25lIn0.e30.'],
  ])('%s is refused, and the answer does not say why', (_name, authorization) => {
    const error = reasonOf(() => authenticator.authenticate({ authorization }));
    expect(error.reason).toBe('Unauthorized');
    expect(error.message).toBe('Unauthorized');
  });

  test.each<[string, string, string[]]>([
    ['a newline in the name', 'admin\nsystem:masters', []],
    ['a space in the name', 'a b', []],
    ['an empty name', '', ['system:masters']],
    ['a newline in a group', 'a', ['b\nsystem:masters']],
    ['a name of 300 characters', 'a'.repeat(300), []],
  ])('a certificate with %s is refused', (_name, commonName, organizations) => {
    const error = reasonOf(() => authenticator.authenticate({ certificate: { commonName, organizations } }));
    expect(error.reason).toBe('Unauthorized');
  });

  test('a broken token file is refused with the line', () => {
    const error = reasonOf(() => parseTokenTable(`${hashOf('a')} a\nplaintext-token b`));
    expect(error.message).toContain('line 2');
    expect(error.message).not.toContain('plaintext-token');
  });
});
