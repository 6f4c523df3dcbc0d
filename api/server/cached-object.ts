/**
 * One object at one revision, as the watch cache and the verbs hold it: the bytes of the wire, and what
 * selectors need, parsed the first time somebody asks. Immutable.
 */
import type { AnyKind, View } from '../kinds/define-kind.ts';
import { apiVersionOf } from '../kinds/names.ts';
import { type AnyObject, splitKey } from '../meta/object-meta.ts';
import type { KeyValue, Revision } from '../store/store.ts';
import { encodeObject, replaceRevision, withApiVersion, withRevision } from './object-bytes.ts';

interface SelectableMeta {
  kind: AnyKind;
  labels: Readonly<Record<string, string>>;
  fields: Readonly<Record<string, string | undefined>>;
}

/** Says something of an object; nobody changes what it gives. */
type Reader<T> = (object: AnyObject) => T;

export class CachedObject {
  /** `namespace/name`, or `name`. */
  readonly key: string;
  readonly revision: Revision;
  /** JSON with the resourceVersion in it. */
  readonly bytes: Buffer;
  /** By kind, latest first: another version or view of a kind, or a new definition, may have other fields. */
  #metas: readonly SelectableMeta[] = [];
  #facts: Map<Reader<unknown>, unknown> | undefined;

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

  /** The object as the kind's version, or view, shows it. Versions differ in apiVersion alone. */
  inVersion(kind: AnyKind): CachedObject {
    if (kind.view) return this.#shownBy(kind.view);
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
    return this.fact(isTerminating);
  }

  /** What `read` says of the object. Each reader is asked once, so it must be a function that is made once. */
  fact<T>(read: Reader<T>): T {
    this.#facts ??= new Map();
    if (!this.#facts.has(read)) this.#facts.set(read, read(this.parse()));
    return this.#facts.get(read) as T;
  }

  #shownBy({ show }: View): CachedObject {
    const shown = encodeObject({ group: '' }, show(this.parse()));
    return new CachedObject(this.key, this.revision, withRevision(shown, this.revision));
  }

  #selectable(kind: AnyKind): SelectableMeta {
    const known = this.#metas.find((meta) => meta.kind === kind);
    if (known) return known;
    const meta = readMeta(kind, this.parse());
    this.#metas = [meta, ...this.#metas.slice(0, 1)];
    return meta;
  }
}

function isTerminating({ metadata }: AnyObject): boolean {
  return metadata.deletionTimestamp !== undefined;
}

function readMeta(kind: AnyKind, object: AnyObject): SelectableMeta {
  const fields: Record<string, string | undefined> = {};
  for (const [field, read] of Object.entries(kind.selectableFields ?? {})) fields[field] = read(object);
  return { kind, labels: object.metadata.labels ?? {}, fields };
}
