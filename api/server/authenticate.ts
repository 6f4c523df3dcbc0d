/**
 * From credentials to a user: a client certificate (CN is the name, each O a group) or a bearer token of
 * the token file. A request without any is `anonymousUser`; one with a wrong one is refused.
 *
 * The token file has one line per token: `<sha256 of the token, hex> <user name> [group,group…]`; the
 * tokens themselves are nowhere on the server.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { ApiError } from '../meta/api-error.ts';
import { anonymousUser, groupNames, type User } from './user.ts';

export interface Credentials {
  /** The subject of the client certificate; present only when the TLS layer verified it. */
  certificate?: { commonName: string; organizations: readonly string[] };
  /** The Authorization header. */
  authorization?: string;
}

export interface Authenticator {
  /** Throws ApiError Unauthorized for credentials that do not verify; says nothing about why. */
  authenticate(credentials: Credentials): User;
}

export interface TokenTable {
  entries: readonly { sha256: Buffer; user: User }[];
}

const maxTokenLength = 4096;
/** Control characters in a name could forge lines of the audit log. */
const printable = /^[\x21-\x7e]{1,253}$/;

export function createAuthenticator(options: { tokens?: TokenTable } = {}): Authenticator {
  return {
    authenticate({ certificate, authorization }) {
      if (certificate) return certificateUser(certificate);
      if (authorization === undefined) return anonymousUser;
      const user = tokenUser(authorization, options.tokens);
      if (!user) throw unauthorized();
      return user;
    },
  };
}

/** Acting as somebody else is not offered: ignoring the wish would let the real user act in its place. */
export function refuseImpersonation(headers: Readonly<Record<string, string | undefined>>): void {
  if (Object.keys(headers).some((name) => name.startsWith('impersonate-')))
    throw new ApiError('Forbidden', 'impersonation (kubectl --as) is not supported');
}

function certificateUser({ commonName, organizations }: NonNullable<Credentials['certificate']>): User {
  if (![commonName, ...organizations].every((part) => printable.test(part))) throw unauthorized();
  return knownUser(commonName, organizations);
}

/** The token of an Authorization header; undefined when that holds none. */
function bearerToken(authorization: string): string | undefined {
  const token = /^Bearer ([\x21-\x7e]+)$/i.exec(authorization.slice(0, maxTokenLength + 8))?.[1];
  return token === undefined || token.length > maxTokenLength ? undefined : token;
}

/** Asks `userOf` first about tokens that come without a certificate. */
export function withTokens(
  authenticator: Authenticator,
  userOf: (token: string) => User | undefined,
): Authenticator {
  return {
    authenticate(credentials) {
      const { certificate, authorization } = credentials;
      const token = certificate || authorization === undefined ? undefined : bearerToken(authorization);
      const user = token === undefined ? undefined : userOf(token);
      return user ?? authenticator.authenticate(credentials);
    },
  };
}

function tokenUser(authorization: string, tokens: TokenTable = { entries: [] }): User | undefined {
  const token = bearerToken(authorization);
  if (token === undefined) return undefined;
  const digest = createHash('sha256').update(token).digest();
  let found: User | undefined;
  // All entries are looked at, so that time says nothing about which one matched.
  for (const { sha256, user } of tokens.entries) if (timingSafeEqual(sha256, digest)) found = user;
  return found;
}

function knownUser(name: string, groups: readonly string[]): User {
  return { name, groups: [...new Set([...groups, groupNames.authenticated])] };
}

function unauthorized(): ApiError {
  return new ApiError('Unauthorized', 'Unauthorized');
}

/** Throws ApiError BadRequest naming the first line that is wrong. */
export async function loadTokenTable(file: string): Promise<TokenTable> {
  return parseTokenTable(await readFile(file, 'utf8'));
}

export function parseTokenTable(text: string): TokenTable {
  const entries: { sha256: Buffer; user: User }[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [hash = '', name = '', groups = ''] = line.trim().split(/\s+/);
    if (!/^[0-9a-f]{64}$/.test(hash) || !printable.test(name)) {
      throw new ApiError(
        'BadRequest',
        `token file line ${index + 1}: want "<sha256 of the token> <user> [group,group]"`,
      );
    }
    entries.push({
      sha256: Buffer.from(hash, 'hex'),
      user: knownUser(name, groups.split(',').filter(Boolean)),
    });
  }
  return { entries };
}
