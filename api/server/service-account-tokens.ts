/**
 * Tokens of service accounts: JWTs (ES256) signed with the server's own key and good for this API alone.
 *
 * Invariant: a token opens something only while it is in its time and the account of that uid exists; whoever
 * deletes the account ends all its tokens.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { names } from '../kinds/names.ts';
import type { Clock } from '../meta/clock.ts';
import { isJsonObject } from './json-schema.ts';
import { groupNames, type User } from './user.ts';
import type { WatchCache } from './watch-cache.ts';

export const tokenAudience = 'gantry';
const issuer = 'gantry';
/** Clocks of several API servers may differ by so much. */
const skewSeconds = 10;
const shape = /^([\w-]{1,500})\.([\w-]{1,3000})\.([\w-]{86})$/;

export interface Account {
  namespace: string;
  name: string;
  uid: string;
}

export interface IssuedToken {
  token: string;
  /** When it ends to be one, milliseconds since the epoch. */
  expiresMs: number;
}

export class ServiceAccountTokens {
  readonly #cache: WatchCache;
  readonly #clock: Clock;
  readonly #privateKey: KeyObject;
  readonly #publicKey: KeyObject;
  readonly #header: string;

  /** `key`: a P-256 private key in PEM that all servers of the cluster share; without one tokens end with this server. */
  constructor({ cache, clock, key }: { cache: WatchCache; clock: Clock; key?: string | undefined }) {
    this.#cache = cache;
    this.#clock = clock;
    this.#privateKey =
      key === undefined
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
        : createPrivateKey(key);
    this.#publicKey = createPublicKey(this.#privateKey);
    const spki = this.#publicKey.export({ type: 'spki', format: 'der' });
    const kid = createHash('sha256').update(spki).digest('base64url');
    this.#header = encoded({ alg: 'ES256', kid });
  }

  issue(
    account: Account,
    { seconds, audiences }: { seconds: number; audiences: readonly string[] },
  ): IssuedToken {
    const now = this.#seconds();
    const { namespace, name, uid } = account;
    const claims = {
      iss: issuer,
      sub: `system:serviceaccount:${namespace}:${name}`,
      aud: audiences,
      iat: now,
      nbf: now,
      exp: now + seconds,
      'kubernetes.io': { namespace, serviceaccount: { name, uid } },
    };
    const signed = `${this.#header}.${encoded(claims)}`;
    const signature = sign('sha256', Buffer.from(signed), {
      key: this.#privateKey,
      dsaEncoding: 'ieee-p1363',
    });
    return { token: `${signed}.${signature.toString('base64url')}`, expiresMs: (now + seconds) * 1000 };
  }

  /** Whose token this is; undefined for anything that is not good now. Never throws. */
  userOf(token: string): User | undefined {
    const claims = this.#claimsOf(token);
    const account = claims && accountOf(claims);
    if (!account || !this.#isTimely(claims)) return undefined;
    const { namespace, name, uid } = account;
    const live = this.#cache.kind(names.ServiceAccount).get(`${namespace}/${name}`);
    if (live?.parse().metadata.uid !== uid) return undefined;
    const groups = [
      'system:serviceaccounts',
      `system:serviceaccounts:${namespace}`,
      groupNames.authenticated,
    ];
    return { name: `system:serviceaccount:${namespace}:${name}`, groups };
  }

  /** Only what this key signed, with the one header this server writes: no algorithm or key is chosen by the sender. */
  #claimsOf(token: string): Record<string, unknown> | undefined {
    const [, header, payload = '', signature = ''] = shape.exec(token) ?? [];
    if (header !== this.#header) return undefined;
    const key = { key: this.#publicKey, dsaEncoding: 'ieee-p1363' } as const;
    if (!verify('sha256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url')))
      return undefined;
    return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
  }

  #isTimely({ iss, aud, nbf, exp }: Record<string, unknown>): boolean {
    const now = this.#seconds();
    return (
      iss === issuer &&
      Array.isArray(aud) &&
      aud.includes(tokenAudience) &&
      Number(nbf) <= now + skewSeconds &&
      Number(exp) > now
    );
  }

  #seconds(): number {
    return Math.floor(this.#clock.now() / 1000);
  }
}

function accountOf({ 'kubernetes.io': claim }: Record<string, unknown>): Account | undefined {
  if (!isJsonObject(claim) || !isJsonObject(claim['serviceaccount'])) return undefined;
  const { name, uid } = claim['serviceaccount'];
  return { namespace: String(claim['namespace']), name: String(name), uid: String(uid) };
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
