/**
 * What a kind is: names, schema, columns and strategy in one value. The schema is the single source of
 * the TypeScript type, validation, defaults, OpenAPI and `explain`; built-in and custom kinds are the
 * same to the server.
 */
import type { TSchema } from 'typebox';
import type { Cause } from '../meta/api-error.ts';
import type { FieldRequirement } from '../meta/field-selector.ts';
import type { AnyObject, KubeObject, ObjectMeta } from '../meta/object-meta.ts';
import type { KindNames } from './names.ts';

/** A column of `kubectl get`. `priority` 0 is always shown, 1 only with `-o wide`. */
export interface Column<T> {
  name: string;
  type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  format?: 'name';
  description: string;
  priority?: 0 | 1;
  /** The cell; `date` columns give an RFC 3339 time and are shown as an age. `nowMs` is the server's time. */
  cell: (object: T, nowMs: number) => string | number | boolean | null | undefined;
}

/** As every table ends, but for what is wide. */
export const ageColumn: Column<{ metadata: ObjectMeta }> = {
  name: 'Age',
  type: 'date',
  description: 'Since creation.',
  cell: ({ metadata }) => metadata.creationTimestamp,
};

export interface ScaleSubresource<T> {
  specReplicas: (object: T) => number;
  statusReplicas: (object: T) => number;
  selector: (object: T) => string;
  withReplicas: (object: T, replicas: number) => T;
}

export interface Claim {
  key: string;
  field: string;
}

export interface Strategy<T> {
  /** Name rule; default is a DNS-1123 subdomain. Returns what is wrong. */
  nameError?: (name: string) => string | undefined;
  /** Defaults that depend on other fields; runs after the schema's defaults. Mutates the draft it is given. */
  applyDefaults?: (draft: T) => void;
  /** Rules between fields. `old` is present on updates: immutability and legal transitions belong here. */
  validate?: (object: T, old?: T) => Cause[];
  /** Status subresource writes only: legal phase transitions. */
  validateStatus?: (object: T, old: T) => Cause[];
  /** Fields (beside metadata and status) that do not count as spec for `generation`. */
  fieldsOutsideGeneration?: readonly string[];
  /**
   * Seconds a delete waits for somebody (the node agent) to stop what runs, before the object goes; 0 or
   * undefined: it goes at once. The somebody ends it with a second delete, gracePeriodSeconds 0.
   */
  gracePeriodSeconds?: (object: T) => number;
  /** What else a deletion that does not end at once shows on the object. Mutates the object it is given. */
  beginDeletion?: (object: T) => void;
  /**
   * What of the cluster the object alone has, such as an address: keys nobody else can hold while it exists,
   * taken and given back in the transactions that write the object. `field` is where the object says so.
   */
  claims?: (object: T) => Claim[];
  /** Objects of this kind go by themselves after so many seconds (events). */
  ttlSeconds?: number;
}

/**
 * A kind that is not stored itself (`viewOf` in its names): its objects are those of another kind, shown and
 * written in its own form, as two versions of one object are. Pure, and inverse to each other:
 * show(store(x)) is x, and store(show(y), y) is y.
 */
export interface View {
  show: (stored: AnyObject) => AnyObject;
  /** `before`: the stored object that is replaced, whose other fields are kept. */
  store: (shown: AnyObject, before?: AnyObject) => AnyObject;
}

export interface KindDefinition<T extends KubeObject = KubeObject> extends KindNames {
  description: string;
  schema: TSchema;
  columns: readonly Column<T>[];
  /** Fields a field selector may name, beside metadata.name and metadata.namespace. Must be strings or absent. */
  selectableFields?: Readonly<Record<string, (object: T) => string | undefined>>;
  /** What the terms of a field selector mean, where that is not what they say. */
  readSelector?: (requirements: readonly FieldRequirement[]) => readonly FieldRequirement[];
  /** Of a view. Its selectable fields are read from the stored objects. */
  view?: View;
  statusSubresource: boolean;
  /** What can be done with it, where that is not everything: what is computed can only be read. */
  verbs?: readonly string[];
  scale?: ScaleSubresource<T>;
  /** Custom kinds: the version its objects are stored in; absent: `version`. */
  storageVersion?: string;
  strategy: Strategy<T>;
}

/** Any kind, when it does not matter which: the server's view. */
export type AnyKind = KindDefinition<AnyObject>;

/** Forgets which kind it is. Safe because a kind is only ever handed objects that its own schema let in. */
export function anyKind<T extends KubeObject>(kind: KindDefinition<T>): AnyKind {
  return kind as unknown as AnyKind;
}

export function defineKind<T extends KubeObject>(definition: KindDefinition<T>): KindDefinition<T> {
  return definition;
}
