/**
 * Which kinds are served. Everything the server says about itself (paths, discovery, OpenAPI, the
 * closed authorization table's resources) is derived from here; custom kinds come and go at run time.
 */
import type { AnyKind } from '../kinds/define-kind.ts';
import { type CompiledSchema, compileSchema } from './schema.ts';

export interface ServedKind {
  kind: AnyKind;
  schema: CompiledSchema;
}

export class KindTable {
  readonly #byPath = new Map<string, ServedKind>();
  readonly #listeners = new Set<() => void>();

  constructor(kinds: readonly AnyKind[]) {
    for (const kind of kinds) this.#put(kind);
  }

  byPlural(group: string, version: string, plural: string): ServedKind | undefined {
    return this.#byPath.get(pathKey(group, version, plural));
  }

  byKind(group: string, version: string, kindName: string): ServedKind | undefined {
    return this.all().find(
      ({ kind }) => kind.group === group && kind.version === version && kind.kind === kindName,
    );
  }

  /** In the order they were added. */
  all(): readonly ServedKind[] {
    return [...this.#byPath.values()];
  }

  /** Serves one more kind, or a new definition of one that is served. */
  put(kind: AnyKind): void {
    this.#put(kind);
    for (const listener of this.#listeners) listener();
  }

  /** Serves one kind no more. */
  remove(kind: Pick<AnyKind, 'group' | 'version' | 'plural'>): void {
    this.#byPath.delete(pathKey(kind.group, kind.version, kind.plural));
    for (const listener of this.#listeners) listener();
  }

  /** Calls `listener` after every change; returns what ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #put(kind: AnyKind): void {
    this.#byPath.set(pathKey(kind.group, kind.version, kind.plural), {
      kind,
      schema: compileSchema(kind.schema),
    });
  }
}

function pathKey(group: string, version: string, plural: string): string {
  return `${group}/${version}/${plural}`;
}
