/** Kinds that the manifests at hand define themselves: their objects can be applied by the same command. */
import { apiVersionOf } from '../api/kinds/names.ts';
import type { CustomResourceDefinition } from '../api/kinds/resources.ts';
import { ApiError } from '../api/meta/api-error.ts';
import { type Clock, sleep } from '../api/meta/clock.ts';
import type { Client } from '../client/client.ts';
import type { ApiResource } from './discovery.ts';
import type { Manifest } from './manifest.ts';
import { ofKind } from './resource-names.ts';

const pollMs = 50;
const patienceMs = 10_000;

/** The resource of an object's apiVersion and kind, from the definitions among the manifests. */
export function definedKind(
  manifests: readonly Manifest[],
  apiVersion: string,
  kind: string,
): ApiResource | undefined {
  return ofKind(
    apiVersion,
    kind,
    manifests.flatMap(({ object }) => resourcesOf(object)),
  );
}

function resourcesOf(object: { kind: string; spec?: unknown }): ApiResource[] {
  if (object.kind !== 'CustomResourceDefinition') return [];
  const { group, names, scope, versions } = (object as Partial<CustomResourceDefinition>).spec ?? {};
  if (typeof group !== 'string' || typeof names?.kind !== 'string' || !Array.isArray(versions)) return [];
  return versions.map(({ name: version }) => ({
    group,
    version,
    apiVersion: apiVersionOf({ group, version }),
    kind: names.kind,
    plural: names.plural,
    singular: names.singular ?? names.kind.toLowerCase(),
    shortNames: [],
    categories: [],
    namespaced: scope === 'Namespaced',
    verbs: [],
    subresources: [],
  }));
}

/** Resolves when the server has the kind. Throws ApiError Timeout. */
export async function untilServed(client: Client, resource: ApiResource, clock: Clock): Promise<void> {
  const giveUpMs = clock.monotonicMs() + patienceMs;
  while (!(await isServed(client, resource))) {
    if (clock.monotonicMs() >= giveUpMs)
      throw new ApiError(
        'Timeout',
        `${resource.kind} of ${resource.apiVersion} is not served after ${patienceMs / 1000} s`,
      );
    await sleep(clock, pollMs);
  }
}

async function isServed(client: Client, { apiVersion, plural }: ApiResource): Promise<boolean> {
  try {
    const list = (await client.raw(`/apis/${apiVersion}`)) as { resources: { name: string }[] };
    return list.resources.some(({ name }) => name === plural);
  } catch (error) {
    if (error instanceof ApiError && error.reason === 'NotFound') return false;
    throw error;
  }
}
