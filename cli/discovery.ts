/**
 * Which resources the server has: aggregated discovery, kept in a file for ten minutes so that most
 * commands need one request less. A word that is not found is looked up in a fresh answer before it is
 * called unknown.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Resource } from '../api/kinds/resources.ts';
import type { Clock } from '../api/meta/clock.ts';
import type { AnyObject } from '../api/meta/object-meta.ts';
import type { Client } from '../client/client.ts';
import { ofKind, resourcesNamed, unknownKind, unknownResource } from './resource-names.ts';

/** A resource as discovery tells it: a kind's names, and what can be done with it. */
export interface ApiResource extends Resource<AnyObject> {
  verbs: readonly string[];
  subresources: readonly string[];
}

const maxAgeMs = 600_000;

/** Answers "what does this word mean here?". */
export class Discovery {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #cacheFile: string | undefined;
  /** Promises, so that callers at the same time share one answer. */
  #known: Promise<readonly ApiResource[]> | undefined;
  #fresh: Promise<readonly ApiResource[]> | undefined;

  /** Without `cacheFile` every process asks the server. */
  constructor(client: Client, clock: Clock, cacheFile?: string) {
    this.#client = client;
    this.#clock = clock;
    this.#cacheFile = cacheFile;
  }

  /** What `word` stands for: plural, singular, short name, kind, each with `.group`; a category gives several. */
  async named(word: string): Promise<ApiResource[]> {
    return this.#find(
      (resources) => nonEmpty(resourcesNamed(word, resources)),
      (resources) => unknownResource(word, resources),
    );
  }

  /** Like `named`, for places where a category makes no sense: the first one. */
  async one(word: string): Promise<ApiResource> {
    return (await this.named(word))[0]!;
  }

  /** The resource of an object's apiVersion and kind. */
  async ofKind(apiVersion: string, kind: string): Promise<ApiResource> {
    return this.#find(
      (resources) => ofKind(apiVersion, kind, resources),
      (resources) => unknownKind(apiVersion, kind, resources),
    );
  }

  all(): Promise<readonly ApiResource[]> {
    return (this.#known ??= this.#readCache().then((cached) => cached ?? this.refresh()));
  }

  /** Everything, asked for now (once per process). */
  refresh(): Promise<readonly ApiResource[]> {
    this.#fresh ??= this.#fetch();
    this.#known = this.#fresh;
    return this.#fresh;
  }

  async #find<T>(
    look: (resources: readonly ApiResource[]) => T | undefined,
    notFound: (resources: readonly ApiResource[]) => Error,
  ): Promise<T> {
    const found = look(await this.all()) ?? look(await this.refresh());
    if (found === undefined) throw notFound(await this.all());
    return found;
  }

  async #fetch(): Promise<readonly ApiResource[]> {
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
    const lists = await Promise.all(['/api', '/apis'].map((path) => this.#client.raw(path, { accept })));
    const resources = lists.flatMap((list) => resourcesOf(list as GroupDiscoveryList));
    await this.#writeCache(resources);
    return resources;
  }

  async #readCache(): Promise<readonly ApiResource[] | undefined> {
    if (this.#cacheFile === undefined) return undefined;
    try {
      const cached = JSON.parse(await readFile(this.#cacheFile, 'utf8')) as Cache;
      const ageMs = this.#clock.now() - cached.fetchedAtMs;
      return ageMs >= 0 && ageMs < maxAgeMs ? cached.resources : undefined;
    } catch {
      return undefined; // No cache, or one that cannot be read, is the same: ask the server.
    }
  }

  async #writeCache(resources: readonly ApiResource[]): Promise<void> {
    if (this.#cacheFile === undefined) return;
    const cache: Cache = { fetchedAtMs: this.#clock.now(), resources };
    const draft = `${this.#cacheFile}.${process.pid}`;
    try {
      await mkdir(dirname(this.#cacheFile), { recursive: true });
      await writeFile(draft, JSON.stringify(cache));
      await rename(draft, this.#cacheFile);
    } catch {
      // A cache that cannot be written only costs the next command a request.
    }
  }
}

interface Cache {
  fetchedAtMs: number;
  resources: readonly ApiResource[];
}

interface GroupDiscoveryList {
  items: {
    metadata: { name?: string };
    versions: { version: string; resources?: ResourceDiscovery[] }[];
  }[];
}

interface ResourceDiscovery {
  resource: string;
  responseKind: { kind: string };
  scope: 'Namespaced' | 'Cluster';
  singularResource: string;
  verbs: string[];
  shortNames?: string[];
  categories?: string[];
  subresources?: { subresource: string }[];
}

/** apidiscovery.k8s.io/v2 as a flat list. */
export function resourcesOf(list: GroupDiscoveryList): ApiResource[] {
  return list.items.flatMap(({ metadata: { name: group = '' }, versions }) =>
    versions.flatMap(({ version, resources = [] }) =>
      resources.map((entry) => ({
        group,
        version,
        apiVersion: group === '' ? version : `${group}/${version}`,
        kind: entry.responseKind.kind,
        plural: entry.resource,
        singular: entry.singularResource,
        shortNames: entry.shortNames ?? [],
        categories: entry.categories ?? [],
        namespaced: entry.scope === 'Namespaced',
        verbs: entry.verbs,
        subresources: (entry.subresources ?? []).map(({ subresource }) => subresource),
      })),
    ),
  );
}

function nonEmpty<T>(items: T[]): T[] | undefined {
  return items.length === 0 ? undefined : items;
}
