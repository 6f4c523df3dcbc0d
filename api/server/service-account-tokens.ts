/**
 * Tokens of service accounts: JWTs (ES256) signed with the cluster's key for them and good for this API alone.
 *
 * Invariant: a token opens something only while it is in its time and the account of that uid exists, and so does the
 * task it is bound to, if any; whoever deletes the account ends all its tokens.
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
const pemBlock = /-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/g;
const shape = /^([\w-]{1,500})\.([\w-]{1,3000})\.([\w-]{86})$/;

export interface Account {
  namespace: string;
  name: string;
  uid: string;
}

/** The task whose programs have the token, in the namespace of the account. */
export interface BoundTask {
  name: string;
  uid: string;
}

export interface IssuedToken {
  token: string;
  /** When it ends to be one, milliseconds since the epoch. */
  expiresMs: number;
}

/** P-256 keys in PEM; all servers of a cluster share them. */
export interface TokenKeys {
  /** Private: signs. */
  signing: string;
  /** Public, one after another: of keys that signed before, whose tokens are still good. */
  former?: string;
}

export class ServiceAccountTokens {
  readonly #cache: WatchCache;
  readonly #clock: Clock;
  readonly #privateKey: KeyObject;
  readonly #header: string;
  /** Public keys, by the header of the tokens they are good for. */
  readonly #accepted = new Map<string, KeyObject>();

  /** Without keys, tokens end with this server. Throws TypeError or a crypto error when a key is none. */
  constructor({ cache, clock, keys }: { cache: WatchCache; clock: Clock; keys?: TokenKeys | undefined }) {
    this.#cache = cache;
    this.#clock = clock;
    this.#privateKey = keys
      ? createPrivateKey(keys.signing)
      : generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const own = createPublicKey(this.#privateKey);
    this.#header = headerOf(own);
    const former = keys?.former?.match(pemBlock) ?? [];
    for (const key of [own, ...former.map((pem) => createPublicKey(pem))])
      this.#accepted.set(headerOf(key), key);
  }

  issue(
    account: Account,
    { seconds, audiences, task }: { seconds: number; audiences: readonly string[]; task?: BoundTask },
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
      'kubernetes.io': { namespace, serviceaccount: { name, uid }, ...(task ? { pod: task } : {}) },
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
    if (live?.parse().metadata.uid !== uid || !this.#isTaskThere(claims, namespace)) return undefined;
    const groups = [
      'system:serviceaccounts',
      `system:serviceaccounts:${namespace}`,
      groupNames.authenticated,
    ];
    return { name: `system:serviceaccount:${namespace}:${name}`, groups };
  }

  /** Of a token that is bound to none, always. */
  #isTaskThere({ 'kubernetes.io': claim }: Record<string, unknown>, namespace: string): boolean {
    const bound = isJsonObject(claim) ? claim['pod'] : undefined;
    if (!isJsonObject(bound)) return true;
    const live = this.#cache.kind(names.Task).get(`${namespace}/${bound['name']}`);
    return live?.parse().metadata.uid === bound['uid'];
  }

  /** Only what an accepted key signed, with the one header that servers write for it: the sender chooses no algorithm. */
  #claimsOf(token: string): Record<string, unknown> | undefined {
    const [, header = '', payload = '', signature = ''] = shape.exec(token) ?? [];
    const publicKey = this.#accepted.get(header);
    if (!publicKey) return undefined;
    const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const;
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

function headerOf(key: KeyObject): string {
  const { asymmetricKeyType, asymmetricKeyDetails } = key;
  if (asymmetricKeyType !== 'ec' || asymmetricKeyDetails?.namedCurve !== 'prime256v1')
    throw new TypeError('keys of service account tokens must be ECDSA P-256');
  const kid = createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
  return encoded({ alg: 'ES256', kid });
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
