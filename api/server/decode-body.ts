/**
 * Bytes of a request body to a JSON value, or a refusal. Everything that could hurt is looked for here,
 * once: size, encoding, depth (before parsing: parsing deep nesting blocks the process), `__proto__`,
 * duplicate keys (the last would win silently), numbers and characters that would not survive storage.
 *
 * Invariant: what this returns, JSON.parse(JSON.stringify(value)) gives back unchanged.
 */
import { ApiError } from '../meta/api-error.ts';

export const maxBodyBytes = 3 * 1024 * 1024;
export const maxDepth = 64;

const [quote, backslash, openBrace, closeBrace, openBracket, closeBracket, colon] = Buffer.from('"\\{}[]:');

/** Throws ApiError BadRequest or RequestEntityTooLarge. The value is an object or an array (JSON patch). */
export function decodeJson(body: Buffer): unknown {
  if (body.length > maxBodyBytes)
    throw new ApiError(
      'RequestEntityTooLarge',
      `the request body is over the limit of ${maxBodyBytes} bytes`,
    );
  const members = scan(body);
  const text = decodeUtf8(body);
  const value = parse(text);
  if (typeof value !== 'object' || value === null) throw malformed('it must be a JSON object');
  // Every member has one colon outside of strings; JSON.parse folds duplicates into one.
  if (checkValue(value, '') !== members) throw malformed(`it has a duplicate field ${duplicateKey(text)}`);
  return value;
}

function malformed(problem: string): ApiError {
  return new ApiError('BadRequest', `the body of the request is not acceptable: ${problem}`);
}

/** One pass over the bytes: refuses depth over `maxDepth`, counts the members of all objects. */
function scan(body: Buffer): number {
  let depth = 0;
  let members = 0;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at];
    if (byte === quote) at = endOfString(body, at);
    else if (byte === colon) members++;
    else if (byte === openBrace || byte === openBracket) {
      if (++depth > maxDepth) throw malformed(`it is nested deeper than ${maxDepth} levels`);
    } else if (byte === closeBrace || byte === closeBracket) depth--;
  }
  return members;
}

/** Index of the quote that ends the string beginning at `start`, or the end of the body. */
function endOfString(body: Buffer, start: number): number {
  let at = start + 1;
  while (at < body.length && body[at] !== quote) at += body[at] === backslash ? 2 : 1;
  return at;
}

function decodeUtf8(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    throw malformed('it is not UTF-8');
  }
}

function parse(text: string): unknown {
  if (text.trim() === '') throw malformed('it is empty');
  try {
    return JSON.parse(text);
  } catch (error) {
    throw malformed(`it is not JSON: ${error instanceof Error ? error.message : ''}`);
  }
}

/** Refuses what would not survive; returns how many members the objects in `value` have. */
function checkValue(value: unknown, path: string): number {
  if (typeof value === 'string') return checkText(value, path);
  if (typeof value === 'number') return checkNumber(value, path);
  if (typeof value !== 'object' || value === null) return 0;
  let members = 0;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) members += checkValue(value[index], path);
    return members;
  }
  for (const key of Object.keys(value)) {
    if (key === '__proto__') throw malformed(`a field ${path}.__proto__ is not allowed`);
    checkText(key, path);
    members += 1 + checkValue((value as Record<string, unknown>)[key], `${path}.${key}`);
  }
  return members;
}

function checkText(text: string, path: string): 0 {
  if (/\p{Surrogate}/u.test(text)) throw malformed(`${path} has half of a surrogate pair`);
  return 0;
}

function checkNumber(value: number, path: string): 0 {
  if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value)))
    throw malformed(`${path} is a number beyond 2^53: it would lose digits`);
  return 0;
}

/** For values that did not come from `decodeJson` alone: operations of a patch can pile up depth. Throws BadRequest. */
export function requireBoundedDepth(root: unknown): void {
  let level = [root];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth + 1) throw malformed(`it is nested deeper than ${maxDepth} levels`);
    level = level.flatMap((value) =>
      typeof value === 'object' && value !== null ? Object.values(value) : [],
    );
  }
}

/** The first key that occurs twice in one object of a JSON text that has one. Only for the message. */
function duplicateKey(text: string): string {
  const seen: Set<string>[] = [];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '{' || character === '[') seen.push(new Set());
    else if (character === '}' || character === ']') seen.pop();
    else if (character === '"') {
      const start = at;
      at = endOfText(text, at);
      const literal = text.slice(start, at + 1);
      if (!/^\s*:/.test(text.slice(at + 1, at + 100))) continue;
      const keys = seen.at(-1);
      if (keys?.has(JSON.parse(literal))) return literal.slice(0, 200);
      keys?.add(JSON.parse(literal));
    }
  }
  return '';
}

function endOfText(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}
