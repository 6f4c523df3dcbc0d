/**
 * Objects as the store holds them: JSON with apiVersion, kind and metadata first, and without a
 * resourceVersion, because the store's own revision is the version. On the way out the revision is spliced
 * into the bytes; nothing is parsed or printed again.
 */
import type { AnyKind } from '../kinds/define-kind.ts';
import { apiVersionOf } from '../kinds/names.ts';
import type { AnyObject } from '../meta/object-meta.ts';
import type { Revision } from '../store/store.ts';

const metadataOpening = '"metadata":{';
const versionOpening = '"resourceVersion":"';

/** The stored form: of the kind, and in the version, that is stored. `before`: what it replaces there. */
export function encodeObject(
  { group, storageVersion, view }: Pick<AnyKind, 'group' | 'storageVersion' | 'view'>,
  object: AnyObject,
  before?: () => AnyObject,
): Buffer {
  const stored = view ? view.store(object, before?.()) : object;
  const { apiVersion: given, kind, metadata, ...rest } = stored;
  const apiVersion = storageVersion === undefined ? given : apiVersionOf({ group, version: storageVersion });
  const { resourceVersion: _version, ...storedMetadata } = metadata;
  return Buffer.from(JSON.stringify({ apiVersion, kind, metadata: storedMetadata, ...rest }));
}

const versionStart = '{"apiVersion":"';

/** The same object in another version of its kind; the very same bytes when that is theirs already. */
export function withApiVersion(bytes: Buffer, apiVersion: string): Buffer {
  const end = bytes.indexOf('"', versionStart.length);
  const present = bytes.toString('latin1', versionStart.length, end);
  if (present === apiVersion) return bytes;
  return splice(bytes, { at: versionStart.length, remove: present.length, insert: apiVersion });
}

/** The form on the wire. Not from the shared pool: one small survivor would keep 8 KiB alive. */
export function withRevision(stored: Buffer, revision: Revision): Buffer {
  const at = stored.indexOf(metadataOpening) + metadataOpening.length;
  return splice(stored, { at, remove: 0, insert: `${versionOpening}${revision}",` });
}

/** The same object at another revision (the last state of a deleted object carries the deletion's). */
export function replaceRevision(wire: Buffer, from: Revision, to: Revision): Buffer {
  const at = wire.indexOf(metadataOpening) + metadataOpening.length + versionOpening.length;
  return splice(wire, { at, remove: String(from).length, insert: String(to) });
}

function splice(
  bytes: Buffer,
  { at, remove, insert }: { at: number; remove: number; insert: string },
): Buffer {
  const result = Buffer.allocUnsafeSlow(bytes.length - remove + insert.length);
  bytes.copy(result, 0, 0, at);
  result.write(insert, at, 'latin1');
  bytes.copy(result, at + insert.length, at + remove);
  return result;
}

/** Whether two JSON values say the same; the order of keys and undefined fields do not count. */
export function sameJson(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  if (Array.isArray(left) && left.length !== (right as unknown[]).length) return false;
  const [a, b] = [left as Record<string, unknown>, right as Record<string, unknown>];
  return (
    Object.keys(a).every((key) => sameJson(a[key], Object.hasOwn(b, key) ? b[key] : undefined)) &&
    Object.keys(b).every((key) => b[key] === undefined || Object.hasOwn(a, key))
  );
}
