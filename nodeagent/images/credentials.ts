/**
 * Who a node is to a registry: Docker's configuration files (`{"auths": {"host/path": {"auth": "…"}}}`), from
 * Secrets of type kubernetes.io/dockerconfigjson and from the node's own file. Pure.
 */
import { createHash } from 'node:crypto';
import { defaultRegistry, type ImageName } from './reference.ts';

/** One login; `auth` is base64 of `user:password`. */
export interface Credential {
  /** `host[:port][/path]` it is for. */
  scope: string;
  auth: string;
}

export const dockerConfigKeys: readonly string[] = ['.dockerconfigjson', '.dockercfg'];

/** Throws an Error that says what is wrong, without showing any of it. */
export function parseDockerConfig(text: string): Credential[] {
  const auths = authsOf(text);
  return Object.entries(auths).flatMap(([server, entry]): Credential[] => {
    const { auth, username, password } = entry ?? {};
    const login =
      typeof auth === 'string' && auth !== ''
        ? auth
        : typeof username === 'string' && typeof password === 'string'
          ? Buffer.from(`${username}:${password}`).toString('base64')
          : undefined;
    return login === undefined ? [] : [{ scope: scopeOf(server), auth: login }];
  });
}

interface AuthEntry {
  auth?: unknown;
  username?: unknown;
  password?: unknown;
}

function authsOf(text: string): Record<string, AuthEntry | null> {
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch {
    throw new Error('is no JSON');
  }
  if (typeof config !== 'object' || config === null) throw new Error('is no Docker configuration');
  // The old form (.dockercfg) is the table itself.
  const auths = 'auths' in config ? config.auths : config;
  if (typeof auths !== 'object' || auths === null) throw new Error('has no auths');
  return auths as Record<string, AuthEntry | null>;
}

/** Docker writes its own registry's address as a URL with a path that is none. */
function scopeOf(server: string): string {
  const bare = server.replace(/^https?:\/\//, '').replace(/\/+$/, '');
  const [host = '', ...path] = bare.split('/');
  const known = ['index.docker.io', `registry-1.${defaultRegistry}`];
  const isVersion = path.length === 1 && /^v[12]$/.test(path[0] ?? '');
  return [known.includes(host) ? defaultRegistry : host, ...(isVersion ? [] : path)].join('/');
}

/** The logins that are for this image, the most specific first. */
export function credentialsFor(
  all: readonly Credential[],
  { registry, repository }: Pick<ImageName, 'registry' | 'repository'>,
): Credential[] {
  const full = `${registry}/${repository}`;
  return all
    .filter(({ scope }) => full === scope || full.startsWith(`${scope}/`))
    .sort((one, other) => other.scope.length - one.scope.length);
}

/** What is kept of a login that was good: enough to know it again. */
export function fingerprint({ auth }: Credential, { registry }: Pick<ImageName, 'registry'>): string {
  return createHash('sha256').update(`${registry}\0${auth}`).digest('hex');
}
