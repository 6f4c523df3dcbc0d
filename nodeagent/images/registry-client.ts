/**
 * Speaks the registries' own protocol (OCI distribution v2): manifests and blobs by digest, with Basic and
 * Bearer authentication.
 *
 * Invariant: nothing that does not hash to its digest is ever given out. A login is sent to the registry it is
 * for, and to the token service that registry names over HTTPS; never along a redirect.
 */
import type { IncomingMessage } from 'node:http';
import { ApiError, type Reason } from '../../api/meta/api-error.ts';
import { readBody } from '../../client/bounded-body.ts';
import { type Download, type Exchange, exchange, saveBody } from './http-exchange.ts';
import { type Descriptor, manifestTypes, maxManifestBytes, sha256 } from './image-manifest.ts';
import { defaultRegistry } from './reference.ts';
import type { Endpoint } from './registries.ts';

/** One repository at one place, as one user. */
export interface Repository {
  endpoint: Endpoint;
  repository: string;
  /** base64 of `user:password`; absent: nobody. */
  auth?: string;
}

export interface FoundManifest {
  digest: string;
  bytes: Buffer;
}

const maxTokenBytes = 256 * 1024;
const maxErrorBytes = 16 * 1024;
const maxRedirects = 5;

export class RegistryClient {
  /** Authorization headers that worked, by place and user. A pull makes one client: tokens live minutes. */
  readonly #headers = new Map<string, string>();

  /** `reference`: a tag or a digest. Throws ApiError: NotFound, Unauthorized, Forbidden, TooManyRequests, ServiceUnavailable. */
  async manifest(from: Repository, reference: string, signal: AbortSignal): Promise<FoundManifest> {
    const answer = await this.#get(from, `manifests/${reference}`, {
      headers: { accept: manifestTypes.join(', ') },
      signal,
    });
    const bytes = await readBody(answer, maxManifestBytes);
    const digest = sha256(bytes);
    if (reference.startsWith('sha256:') && reference !== digest)
      throw new ApiError('BadRequest', `${from.endpoint.host} answered with ${digest} for ${reference}`);
    return { digest, bytes };
  }

  /** Into a file that must not exist yet; whole and verified when this resolves. */
  async blob(from: Repository, { digest, size }: Descriptor, download: Download): Promise<void> {
    const { signal } = download;
    const answer = await this.#get(from, `blobs/${digest}`, { signal });
    await saveBody(answer, { digest, size }, download);
  }

  async #get(from: Repository, path: string, request: Exchange): Promise<IncomingMessage> {
    const { endpoint, repository } = from;
    // Its name is older than its protocol.
    const host = endpoint.host === defaultRegistry ? `registry-1.${defaultRegistry}` : endpoint.host;
    const url = new URL(`https://${host}/v2/${repository}/${path}`);
    const key = `${endpoint.host} ${repository} ${from.auth ?? ''}`;
    const known = this.#headers.get(key);
    let answer = await exchange(url, endpoint, withLogin(request, known));
    const challenge = answer.headers['www-authenticate'];
    if (answer.statusCode === 401 && challenge !== undefined) {
      answer.resume();
      const login = await this.#login(from, challenge, request.signal);
      if (login !== undefined) {
        this.#headers.set(key, login);
        answer = await exchange(url, endpoint, withLogin(request, login));
      }
    }
    return followed(answer, url, { endpoint, request });
  }

  /** The Authorization header the challenge asks for; undefined when there is nothing to answer it with. */
  async #login(
    { endpoint, repository, auth }: Repository,
    challenge: string,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    if (/^basic\b/i.test(challenge)) return auth === undefined ? undefined : `Basic ${auth}`;
    const { realm, service } = challengeFields(challenge);
    if (!/^bearer\b/i.test(challenge) || realm === undefined) return undefined;
    const url = tokenUrl(realm, endpoint);
    if (service !== undefined) url.searchParams.set('service', service);
    url.searchParams.set('scope', `repository:${repository}:pull`);
    const answer = await exchange(
      url,
      url.host === endpoint.host ? endpoint : { host: url.host, verify: true },
      withLogin({ signal }, auth === undefined ? undefined : `Basic ${auth}`),
    );
    if (answer.statusCode !== 200) throw await refusal(answer, `${url.host} gives no token`);
    const token = tokenIn(await readBody(answer, maxTokenBytes));
    return token === undefined ? undefined : `Bearer ${token}`;
  }
}

function withLogin({ headers = {}, signal }: Exchange, login: string | undefined): Exchange {
  return { headers: { ...headers, ...(login === undefined ? {} : { authorization: login }) }, signal };
}

/** Registries keep blobs elsewhere: what they redirect to is asked without any login. */
async function followed(
  first: IncomingMessage,
  from: URL,
  { endpoint, request: { signal } }: { endpoint: Endpoint; request: Exchange },
): Promise<IncomingMessage> {
  let [answer, url] = [first, from];
  for (let hops = 0; isRedirect(answer); hops++) {
    if (hops === maxRedirects)
      throw new ApiError('ServiceUnavailable', `${endpoint.host} redirects for ever`);
    answer.resume();
    url = new URL(answer.headers.location ?? '', url);
    const next = url.host === endpoint.host ? endpoint : { host: url.host, verify: endpoint.verify };
    if (url.protocol !== 'https:' && next.verify)
      throw new ApiError('ServiceUnavailable', `${endpoint.host} redirects to ${url.protocol}, not https`);
    answer = await exchange(url, next, { signal });
  }
  if (answer.statusCode === 200) return answer;
  throw await refusal(answer, endpoint.host);
}

function isRedirect({ statusCode = 0, headers }: IncomingMessage): boolean {
  return statusCode >= 300 && statusCode < 400 && headers.location !== undefined;
}

/** `Bearer realm="https://…",service="…"` */
function challengeFields(challenge: string): { realm?: string; service?: string } {
  return Object.fromEntries(
    [...challenge.slice(0, 4096).matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
  );
}

function tokenUrl(realm: string, { host, verify }: Endpoint): URL {
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  if (url && (url.protocol === 'https:' || (!verify && url.protocol === 'http:'))) return url;
  throw new ApiError('ServiceUnavailable', `${host} names a token service that is not https`);
}

function tokenIn(body: Buffer): string | undefined {
  try {
    const { token, access_token: accessToken } = JSON.parse(body.toString('utf8'));
    const found: unknown = token ?? accessToken;
    return typeof found === 'string' && /^[\x21-\x7e]+$/.test(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

const reasonsByStatus: Record<number, Reason> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  429: 'TooManyRequests',
};

/** In the registry's own words. */
async function refusal(answer: IncomingMessage, who: string): Promise<ApiError> {
  const { statusCode = 0 } = answer;
  const reason = reasonsByStatus[statusCode] ?? 'ServiceUnavailable';
  const said = firstError(await readBody(answer, maxErrorBytes).catch(() => Buffer.alloc(0)));
  return new ApiError(reason, `${who}: ${statusCode} ${said ?? answer.statusMessage ?? ''}`.trim());
}

function firstError(body: Buffer): string | undefined {
  try {
    const { code, message } = JSON.parse(body.toString('utf8')).errors[0];
    return `${code}: ${message}`.slice(0, 300);
  } catch {
    return undefined;
  }
}
