/** The 512-byte blocks of a tar archive (POSIX ustar, with pax records for what does not fit). Pure. */
import { ApiError } from '../../api/meta/api-error.ts';

export const blockBytes = 512;

export interface TarHeader {
  path: string;
  /** `0` file, `1` hard link, `2` symbolic link, `3` and `4` devices, `5` directory, `S` file with holes, `x` and `g` pax records, `L` and `K` GNU long names. */
  type: string;
  mode: number;
  size: number;
  /** Seconds since the epoch. */
  mtime: number;
  linkPath: string;
}

/** Offset and length of each field. */
const field = {
  path: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  linkPath: [157, 100],
  magic: [257, 8],
  prefix: [345, 155],
} as const;
type Field = keyof typeof field;

/** Undefined for a block of zeros, the archive's end. Throws ApiError BadRequest for what is no header. */
export function decodeHeader(block: Buffer): TarHeader | undefined {
  if (block.every((byte) => byte === 0)) return undefined;
  if (numberIn(block, 'checksum') !== checksumOf(block))
    throw new ApiError('BadRequest', 'the archive is broken: a header has the wrong checksum');
  const prefix = isUstar(block) ? textIn(block, 'prefix') : '';
  const name = textIn(block, 'path');
  return {
    path: prefix === '' ? name : `${prefix}/${name}`,
    type: textIn(block, 'type') || '0',
    mode: numberIn(block, 'mode') & 0o777,
    size: numberIn(block, 'size'),
    mtime: numberIn(block, 'mtime'),
    linkPath: textIn(block, 'linkPath'),
  };
}

/** One header, or with a long name two, the first with its records. */
export function encodeHeader(header: TarHeader): Buffer {
  const records: [string, string][] = [];
  if (Buffer.byteLength(header.path) > field.path[1]) records.push(['path', header.path]);
  if (Buffer.byteLength(header.linkPath) > field.linkPath[1]) records.push(['linkpath', header.linkPath]);
  if (header.size >= 8 ** 11) records.push(['size', String(header.size)]);
  if (records.length === 0) return block(header);
  const body = Buffer.from(records.map(([key, value]) => paxRecord(key, value)).join(''));
  const extended = block({ ...header, path: 'pax', linkPath: '', type: 'x', size: body.length });
  return Buffer.concat([extended, padded(body), block({ ...header, size: header.size % 8 ** 11 })]);
}

/** `path=…` and `linkpath=…` of pax records: `<length> <key>=<value>\n`. Throws ApiError BadRequest. */
export function decodePax(body: Buffer): Partial<TarHeader> {
  const found: Partial<TarHeader> = {};
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(0x20, at);
    const length = Number(body.toString('latin1', at, space));
    const end = at + length;
    if (space < 0 || !Number.isInteger(length) || end <= space || end > body.length)
      throw new ApiError('BadRequest', 'the archive is broken: a pax record has no length');
    const [, key = '', value = ''] = /^([^=]*)=(.*)\n$/s.exec(body.toString('utf8', space + 1, end)) ?? [];
    if (key === 'path') found.path = value;
    if (key === 'linkpath') found.linkPath = value;
    if (key === 'size') found.size = Number(value);
    if (key.startsWith('GNU.sparse.')) found.type = 'S';
    at = end;
  }
  return found;
}

/** Filled up to whole blocks. */
export function padded(body: Buffer): Buffer {
  return Buffer.concat([body, Buffer.alloc(paddingOf(body.length))]);
}

export function paddingOf(size: number): number {
  return (blockBytes - (size % blockBytes)) % blockBytes;
}

function block({ path, type, mode, size, mtime, linkPath }: TarHeader): Buffer {
  const bytes = Buffer.alloc(blockBytes);
  put(bytes, 'path', path);
  put(bytes, 'linkPath', linkPath);
  put(bytes, 'type', type);
  put(bytes, 'magic', 'ustar\u000000');
  for (const [name, value] of Object.entries({ mode, uid: 0, gid: 0, size, mtime: Math.max(0, mtime) }))
    put(bytes, name as Field, octal(value, field[name as Field][1] - 1));
  put(bytes, 'checksum', `${octal(checksumOf(bytes), 6)}\0 `);
  return bytes;
}

function put(bytes: Buffer, name: Field, text: string): void {
  const [offset, length] = field[name];
  bytes.write(text, offset, length);
}

function octal(value: number, digits: number): string {
  return Math.floor(value).toString(8).padStart(digits, '0');
}

function textIn(bytes: Buffer, name: Field): string {
  const [offset, length] = field[name];
  const text = bytes.toString('utf8', offset, offset + length);
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}

/** Octal text, or with the highest bit set (GNU) big-endian bytes. */
function numberIn(bytes: Buffer, name: Field): number {
  const [offset, length] = field[name];
  if (((bytes[offset] ?? 0) & 0x80) !== 0) return bytes.readUIntBE(offset + length - 6, 6);
  const text = textIn(bytes, name).trim();
  const value = text === '' ? 0 : Number.parseInt(text, 8);
  if (Number.isSafeInteger(value)) return value;
  throw new ApiError('BadRequest', `the archive is broken: ${name} is no number`);
}

/** The sum of all bytes, the checksum's own taken as spaces. */
function checksumOf(bytes: Buffer): number {
  const [offset, length] = field.checksum;
  return bytes.reduce((sum, byte, at) => sum + (at >= offset && at < offset + length ? 0x20 : byte), 0);
}

function isUstar(bytes: Buffer): boolean {
  return bytes.toString('latin1', field.magic[0], field.magic[0] + 5) === 'ustar';
}

/** The length counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  const digits = String(rest + String(rest + 3).length).length;
  return `${rest + digits} ${key}=${value}\n`;
}
