/**
 * From manifests to objects of this server: kinds looked up, namespaces filled in. Everything is looked
 * up before the first write, so a typo in the last document stops the command before it did half.
 */
import { ApiError, asApiError, type Cause } from '../api/meta/api-error.ts';
import type { AnyObject } from '../api/meta/object-meta.ts';
import type { ObjectKey } from '../client/client.ts';
import type { GlobalOptions, Session } from './command.ts';
import { definedKind } from './defined-kinds.ts';
import type { ApiResource } from './discovery.ts';
import { errorAt, type Manifest } from './manifest.ts';
import { shownName, shownType } from './resource-names.ts';
import { checkName } from './target.ts';

export interface WantedObject {
  manifest: Manifest;
  resource: ApiResource;
  /** With its namespace; `metadata.name` may be absent when there is a generateName. */
  object: AnyObject;
}

/** Throws the first problem, told at its place. */
export async function wantedObjects(
  manifests: readonly Manifest[],
  session: Session,
  options: GlobalOptions,
): Promise<WantedObject[]> {
  const wanted: WantedObject[] = [];
  for (const manifest of manifests) {
    const resource = await resourceOf(manifest, manifests, session);
    wanted.push(wantedObject(manifest, resource, { ...options, current: session.namespace }));
  }
  return wanted;
}

/** What the server has; else what a definition in the same manifests will bring. */
async function resourceOf(
  { object: { apiVersion, kind }, place }: Manifest,
  manifests: readonly Manifest[],
  { discovery }: Session,
): Promise<ApiResource> {
  try {
    return await discovery.ofKind(apiVersion, kind);
  } catch (error) {
    if (!hasReasonNotFound(error)) throw error;
    const defined = definedKind(manifests, apiVersion, kind);
    if (defined) return defined;
    throw errorAt(place('kind'), error.message);
  }
}

function wantedObject(
  manifest: Manifest,
  resource: ApiResource,
  options: GlobalOptions & { current: string },
): WantedObject {
  const { metadata } = manifest.object;
  for (const field of ['name', 'namespace'] as const) {
    const word = metadata[field];
    if (word !== undefined && word !== '') atPlace(manifest, `metadata.${field}`, () => checkName(word));
  }
  if (!resource.namespaced) return { manifest, resource, object: manifest.object };
  if (options.namespace !== undefined && metadata.namespace && metadata.namespace !== options.namespace) {
    throw errorAt(
      manifest.place('metadata.namespace'),
      `the namespace is "${metadata.namespace}" here, but "${options.namespace}" on the command line (-n)`,
    );
  }
  const object = {
    ...manifest.object,
    metadata: { ...metadata, namespace: metadata.namespace || options.current },
  };
  return { manifest, resource, object };
}

function hasReasonNotFound(error: unknown): error is ApiError {
  return error instanceof ApiError && error.reason === 'NotFound';
}

function atPlace(manifest: Manifest, field: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    throw errorAt(manifest.place(field), asApiError(error).message);
  }
}

export function keyOfWanted({ object }: WantedObject): ObjectKey {
  const { name, namespace } = object.metadata;
  return namespace === undefined ? { name } : { name, namespace };
}

export function nameOfWanted({ resource, object }: WantedObject): string {
  return object.metadata.name ? shownName(resource, object.metadata.name) : shownType(resource);
}

/** What the server found wrong with an object, told where the manifest says it. */
export function placedError(error: unknown, wanted: WantedObject): unknown {
  if (!(error instanceof ApiError)) return error;
  const { manifest } = wanted;
  const causes = (error.details.causes ?? []).filter(({ field }) => field !== '');
  const name = nameOfWanted(wanted);
  if (causes.length === 0) {
    const { file, line } = manifest.place('metadata.name');
    return new ApiError(error.reason, `${name} (${file}:${line}): ${error.message}`, {}, error);
  }
  const told = causes.map(
    (cause) => errorAt(manifest.place(cause.field), `${name}: ${causeText(cause)}`).message,
  );
  return new ApiError(error.reason, told.join('\n'), {}, error);
}

function causeText({ field, message }: Cause): string {
  return message.includes(field) ? message : `${field}: ${message}`;
}
