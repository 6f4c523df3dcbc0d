/**
 * Reads a request's path. It works on the raw bytes of the URL: nothing is decoded or normalised, so no
 * escaped slash, dot segment or doubled slash can ever mean another object than it shows. What a name may
 * contain needs no escapes.
 */
import { ApiError } from '../meta/api-error.ts';

export interface ResourcePath {
  type: 'resource';
  /** '' for the core group. */
  group: string;
  version: string;
  resource: string;
  namespace?: string;
  name?: string;
  subresource?: string;
}

/** Health, discovery, metrics: anything that is not an object or a collection of them. */
export interface OtherPath {
  type: 'other';
  path: string;
}

export type RequestPath = ResourcePath | OtherPath;

const segmentShape = /^[A-Za-z0-9._:~@!$&'()*+,=-]{1,253}$/;

/** Subresources of a namespace, which would otherwise read as collections in it. */
const namespaceSubresources = new Set(['status', 'finalize']);

/** Throws ApiError BadRequest for a path with escapes, dot segments or empty segments. */
export function parseRequestPath(rawPath: string): RequestPath {
  const path = rawPath.length > 1 && rawPath.endsWith('/') ? rawPath.slice(0, -1) : rawPath;
  if (path === '/') return { type: 'other', path };
  const segments = path.split('/').slice(1);
  for (const segment of segments) {
    if (!segmentShape.test(segment) || segment === '.' || segment === '..') {
      throw new ApiError(
        'BadRequest',
        `path segment ${JSON.stringify(segment.slice(0, 80))} is not allowed: no escapes, no empty or dot segments`,
      );
    }
  }
  const [root, ...rest] = segments;
  if (root === 'api' && rest.length > 1) return resourcePath('', rest[0] ?? '', rest.slice(1), path);
  if (root === 'apis' && rest.length > 2)
    return resourcePath(rest[0] ?? '', rest[1] ?? '', rest.slice(2), path);
  return { type: 'other', path };
}

function resourcePath(group: string, version: string, parts: string[], path: string): RequestPath {
  const inNamespace =
    parts[0] === 'namespaces' && parts.length > 2 && !(group === '' && isNamespaceSubresource(parts));
  const [namespace, own] = inNamespace ? [parts[1], parts.slice(2)] : [undefined, parts];
  if (own.length > 3) throw new ApiError('NotFound', `no such path: ${path}`);
  const [resource = '', name, subresource] = own;
  return {
    type: 'resource',
    group,
    version,
    resource,
    ...(namespace === undefined ? {} : { namespace }),
    ...(name === undefined ? {} : { name }),
    ...(subresource === undefined ? {} : { subresource }),
  };
}

function isNamespaceSubresource(parts: string[]): boolean {
  return parts.length === 3 && namespaceSubresources.has(parts[2] ?? '');
}
