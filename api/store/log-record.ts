/**
 * How the embedded store's log looks on disk (format 1).
 *
 *   'L' u64 revision, u16 sub  ->  u8 type, u64 createRevision, u64 version, u64 lease, u32 key length, key, value
 *   'E' u64 lease id           ->  f64 ttl seconds
 *   'M/…'                      ->  text
 *
 * All integers are big endian, so that the order of the keys is the order of the revisions.
 */
import type { Place } from './key-index.ts';
import type { LeaseRecord, LogEntry } from './revision-log.ts';
import type { KeyValue, Revision } from './store.ts';

export const formatKey = Buffer.from('M/format');
export const compactRevisionKey = Buffer.from('M/compact_revision');
export const currentFormat = '1';

const put = 1;
const tombstone = 2;
const headerBytes = 1 + 8 + 8 + 8 + 4;

export function logKey({ revision, sub }: Place): Buffer {
  const key = Buffer.allocUnsafe(11);
  key[0] = 0x4c;
  writeU64(key, revision, 1);
  key.writeUInt16BE(sub, 9);
  return key;
}

export function placeOf(key: Buffer): Place {
  return { revision: readU64(key, 1), sub: key.readUInt16BE(9) };
}

export function leaseKey(id: number): Buffer {
  const key = Buffer.allocUnsafe(9);
  key[0] = 0x45;
  writeU64(key, id, 1);
  return key;
}

export function encodeLease({ ttlSeconds }: LeaseRecord): Buffer {
  const value = Buffer.allocUnsafe(8);
  value.writeDoubleBE(ttlSeconds, 0);
  return value;
}

export function decodeLease(key: Buffer, value: Buffer): LeaseRecord {
  return { id: readU64(key, 1), ttlSeconds: value.readDoubleBE(0) };
}

export function encodeEntry({ event }: LogEntry): Buffer {
  const isPut = event.type === 'put';
  const key = isPut ? event.kv.key : event.key;
  const keyBytes = Buffer.byteLength(key);
  const record = Buffer.allocUnsafe(headerBytes + keyBytes + (isPut ? event.kv.value.byteLength : 0));
  record[0] = isPut ? put : tombstone;
  writeU64(record, isPut ? event.kv.createRevision : 0, 1);
  writeU64(record, isPut ? event.kv.version : 0, 9);
  writeU64(record, isPut ? event.kv.leaseId : 0, 17);
  record.writeUInt32BE(keyBytes, 25);
  record.write(key, headerBytes);
  if (isPut) event.kv.value.copy(record, headerBytes + keyBytes);
  return record;
}

/** The value is a view into `record`. */
export function decodeEntry(place: Place, record: Buffer): LogEntry {
  const valueAt = headerBytes + record.readUInt32BE(25);
  const key = record.toString('utf8', headerBytes, valueAt);
  const { revision: modRevision } = place;
  if (record[0] === tombstone) {
    return { ...place, event: { type: 'delete', key, modRevision } };
  }
  const kv: KeyValue = {
    key,
    value: record.subarray(valueAt),
    createRevision: readU64(record, 1),
    modRevision,
    version: readU64(record, 9),
    leaseId: readU64(record, 17),
  };
  return { ...place, event: { type: 'put', kv } };
}

function writeU64(buffer: Buffer, value: Revision, offset: number): void {
  buffer.writeUInt32BE(Math.floor(value / 2 ** 32), offset);
  buffer.writeUInt32BE(value % 2 ** 32, offset + 4);
}

function readU64(buffer: Buffer, offset: number): number {
  return buffer.readUInt32BE(offset) * 2 ** 32 + buffer.readUInt32BE(offset + 4);
}
