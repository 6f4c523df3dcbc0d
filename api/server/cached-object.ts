/**
 * One object at one revision, as the watch cache and the verbs hold it: the bytes of the wire, and what
 * selectors need, parsed the first time somebody asks. Immutable.
 */
import type { AnyKind } from '../kinds/define-kind.ts';
import { apiVersionOf } from '../kinds/names.ts';
import { type AnyObject, splitKey } from '../meta/object-meta.ts';
import type { KeyValue, Revision } from '../store/store.ts';
import { replaceRevision, withApiVersion, withRevision } from './object-bytes.ts';

interface SelectableMeta {
  labels: Readonly<Record<string, string>>;
  fields: Readonly<Record<string, string | undefined>>;
}

export class CachedObject {
  /** `namespace/name`, or `name`. */
  readonly key: string;
  readonly revision: Revision;
  /** JSON with the resourceVersion in it. */
  readonly bytes: Buffer;
  #meta: SelectableMeta | undefined;
  /** Whose selectable fields `#meta` has: another version of a kind, or a new definition, may have others. */
  #metaKind: AnyKind | undefined;
  #terminating: boolean | undefined;

  constructor(key: string, revision: Revision, bytes: Buffer) {
    this.key = key;
    this.revision = revision;
    this.bytes = bytes;
  }

  static fromStore(
    key: string,
    { value, modRevision }: Pick<KeyValue, 'value' | 'modRevision'>,
  ): CachedObject {
    return new CachedObject(key, modRevision, withRevision(value, modRevision));
  }

  /** The last state of this object, as a watch shows it when the object is deleted at `revision`. */
  atRevision(revision: Revision): CachedObject {
    return new CachedObject(this.key, revision, replaceRevision(this.bytes, this.revision, revision));
  }

  /** The object as the kind's version shows it. Versions differ in apiVersion alone. */
  inVersion(kind: AnyKind): CachedObject {
    if (kind.storageVersion === undefined) return this;
    const bytes = withApiVersion(this.bytes, apiVersionOf(kind));
    return bytes === this.bytes ? this : new CachedObject(this.key, this.revision, bytes);
  }

  /** A fresh copy; the caller may change it. */
  parse(): AnyObject {
    return JSON.parse(this.bytes.toString()) as AnyObject;
  }

  labels(kind: AnyKind): Readonly<Record<string, string>> {
    return this.#selectable(kind).labels;
  }

  field(kind: AnyKind, field: string): string | undefined {
    if (field === 'metadata.name') return splitKey(this.key).name;
    if (field === 'metadata.namespace') return splitKey(this.key).namespace;
    return this.#selectable(kind).fields[field];
  }

  /** Deletion was asked for. */
  get terminating(): boolean {
    return (this.#terminating ??= this.parse().metadata.deletionTimestamp !== undefined);
  }

  #selectable(kind: AnyKind): SelectableMeta {
    if (this.#meta && this.#metaKind === kind) return this.#meta;
    this.#metaKind = kind;
    return (this.#meta = readMeta(kind, this.parse()));
  }
}

function readMeta(kind: AnyKind, object: AnyObject): SelectableMeta {
  const fields: Record<string, string | undefined> = {};
  for (const [field, read] of Object.entries(kind.selectableFields ?? {})) fields[field] = read(object);
  return { labels: object.metadata.labels ?? {}, fields };
}
