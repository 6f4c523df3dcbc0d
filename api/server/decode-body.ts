/**
 * Bytes of a request body to a JSON value, or a refusal. Everything that could hurt is looked for here,
 * once: size, encoding, depth and number of values (before parsing: that alone can hold the process up), `__proto__`,
 * duplicate keys (the last would win silently), numbers and characters that would not survive storage.
 *
 * Invariant: what this returns, JSON.parse(JSON.stringify(value)) gives back unchanged.
 */
import { isUtf8 } from 'node:buffer';
import { ApiError } from '../meta/api-error.ts';

export const maxBodyBytes = 3 * 1024 * 1024;
export const maxDepth = 64;
/** Values in one body: millions of tiny ones would hold the process up longer than their bytes suggest. */
export const maxValues = 200_000;
/** Members of all objects in one body: names are dearer than values. */
export const maxMembers = 50_000;

const [quote, backslash, openBrace, closeBrace, openBracket, closeBracket, colon, comma] =
  Buffer.from('"\\{}[]:,');

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
  if (new Inspection(text).members(value) !== members)
    throw malformed(`it has a duplicate field ${duplicateKey(text)}`);
  return value;
}

function malformed(problem: string): ApiError {
  return new ApiError('BadRequest', `the body of the request is not acceptable: ${problem}`);
}

/** One pass over the bytes: refuses too much depth and too many values, counts the members of all objects. */
function scan(body: Buffer): number {
  let depth = 0;
  let members = 0;
  let values = 0;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at];
    if (byte === quote) at = endOfString(body, at);
    else if (byte === colon) members++;
    else if (byte === comma) values++;
    else if (byte === openBrace || byte === openBracket) {
      values++;
      if (++depth > maxDepth) throw malformed(`it is nested deeper than ${maxDepth} levels`);
    } else if (byte === closeBrace || byte === closeBracket) depth--;
  }
  if (values > maxValues) throw malformed(`it has more than ${maxValues} values`);
  if (members > maxMembers) throw malformed(`it has more than ${maxMembers} fields`);
  return members;
}

/** Index of the quote that ends the string beginning at `start`, or the end of the body. */
function endOfString(body: Buffer, start: number): number {
  let at = start + 1;
  while (at < body.length && body[at] !== quote) at += body[at] === backslash ? 2 : 1;
  return at;
}

function decodeUtf8(body: Buffer): string {
  if (!isUtf8(body)) throw malformed('it is not UTF-8');
  return body.toString();
}

function parse(text: string): unknown {
  if (text.trim() === '') throw malformed('it is empty');
  try {
    return JSON.parse(text);
  } catch (error) {
    throw malformed(`it is not JSON: ${error instanceof Error ? error.message : ''}`);
  }
}

/** Only an escape can smuggle half of a surrogate pair past the check of UTF-8. */
const surrogateEscape = /\\u[dD][89a-fA-F]/;

/** Looks at every value once, refuses what would not survive, and knows where it is. */
class Inspection {
  readonly #path: (string | number)[] = [];
  readonly #mayHaveSurrogates: boolean;

  constructor(text: string) {
    this.#mayHaveSurrogates = surrogateEscape.test(text);
  }

  /** How many members all objects in `value` have together. */
  members(value: object): number {
    let count = 0;
    if (Array.isArray(value)) {
      for (let index = 0; index < value.length; index++) count += this.#enter(index, value[index]);
      return count;
    }
    for (const name of Object.keys(value)) {
      if (name === '__proto__') throw malformed(`a field ${this.#place(name)} is not allowed`);
      if (this.#mayHaveSurrogates) this.#checkText(name);
      count += 1 + this.#enter(name, (value as Record<string, unknown>)[name]);
    }
    return count;
  }

  #enter(place: string | number, value: unknown): number {
    if (typeof value === 'string' && !this.#mayHaveSurrogates) return 0;
    this.#path.push(place);
    let count = 0;
    if (typeof value === 'object' && value !== null) count = this.members(value);
    else if (typeof value === 'number') this.#checkNumber(value);
    else if (typeof value === 'string') this.#checkText(value);
    this.#path.pop();
    return count;
  }

  #checkNumber(value: number): void {
    if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value)))
      throw malformed(`${this.#place()} is a number beyond 2^53: it would lose digits`);
  }

  #checkText(text: string): void {
    if (/\p{Surrogate}/u.test(text)) throw malformed(`${this.#place()} has half of a surrogate pair`);
  }

  #place(...last: string[]): string {
    return [...this.#path, ...last].join('.').slice(0, 200);
  }
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
