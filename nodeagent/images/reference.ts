/**
 * Names of images. Two spellings of one image have one normal form, the shortest:
 * `docker.io/library/busybox:latest`, `busybox:latest` and `busybox` are all `busybox:latest`.
 */

const grammar =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,250}[a-zA-Z0-9])?(?::\d{1,5})?\/)?[a-z0-9]+(?:[._-]{1,2}[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]{1,2}[a-z0-9]+)*)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[a-f0-9]{64})?$/;

/** Where names without a registry come from. */
export const defaultRegistry = 'docker.io';

/** Undefined when `text` is no image reference at all; such a text must never reach a tool. */
export function normalReference(text: string): string | undefined {
  if (text.length > 512 || !grammar.test(text)) return undefined;
  const bare = text.replace(/^(?:docker\.io|index\.docker\.io)\//, '').replace(/^library\//, '');
  const hasTag = /:[^/]+$/.test(bare);
  return hasTag ? bare : `${bare}:latest`;
}

/** The digest an image is pinned to, `sha256:…`, if its name has one. */
export function digestOf(reference: string): string | undefined {
  return /@(sha256:[a-f0-9]{64})$/.exec(reference)?.[1];
}

/** A normal reference in its parts. */
export interface ImageName {
  /** `host[:port]`. */
  registry: string;
  /** Path in the registry: `team/app`. */
  repository: string;
  /** Absent when a digest says which image is meant. */
  tag?: string;
  digest?: string;
}

/** The first component is a registry if it could be no other path: it has a dot or a port, or is localhost. */
export function imageName(normal: string): ImageName {
  const digest = digestOf(normal);
  const named = normal.replace(/@sha256:.*$/, '');
  const [, path = named, tag = 'latest'] = /^(.*?)(?::([^:/]+))?$/.exec(named) ?? [];
  const [first = '', ...rest] = path.split('/');
  const isRegistry = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  const name = isRegistry
    ? { registry: first, repository: rest.join('/') }
    : { registry: defaultRegistry, repository: rest.length > 0 ? path : `library/${path}` };
  return { ...name, ...(digest === undefined ? { tag } : { digest }) };
}

/** `team/app:1` at a registry, pinned to a digest. */
export function pinned(normal: string, digest: string): string {
  return `${normal.replace(/@sha256:.*$/, '').replace(/:[^:/]+$/, '')}@${digest}`;
}

export type PullPolicy = 'Always' | 'IfNotPresent' | 'Never';

/** Kubernetes' default: what may change under its name is asked for each time. */
export function defaultPullPolicy(normal: string): PullPolicy {
  return imageName(normal).tag === 'latest' ? 'Always' : 'IfNotPresent';
}
