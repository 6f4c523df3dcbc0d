/**
 * kubectl's JSONPath dialect, from text to a tree. Outside braces everything is text; inside them stand
 * paths, quoted text, and `range … end`:
 *
 *   {range .items[*]}{.metadata.name}{"\t"}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}
 */
import { UsageError } from './failure.ts';

export type Step =
  | { type: 'field'; names: string[] }
  | { type: 'every' }
  | { type: 'descendants' }
  | { type: 'index'; indexes: number[] }
  | { type: 'slice'; from?: number; to?: number; step: number }
  | { type: 'filter'; left: Operand; operator: Operator | 'exists'; right?: Operand };

export type Operator = '==' | '!=' | '<' | '>' | '<=' | '>=';
/** `root`: begins at `$` instead of at the current value. */
export type Path = { type: 'path'; root: boolean; steps: Step[] };
export type Operand = Path | { type: 'literal'; value: string | number | boolean | null };
export type Part = { type: 'text'; text: string } | Path | { type: 'range'; path: Path; body: Part[] };

/** Throws UsageError naming the character where it stops making sense. */
export function parseTemplate(text: string): Part[] {
  const reader = new Reader(text);
  const parts = parseParts(reader, false);
  return parts;
}

/** A bare path as flags take it: `.a.b`, `a.b`, `{.a.b}` are the same. */
export function parsePath(text: string): Path {
  const inner = /^\{(.*)\}$/s.exec(text.trim())?.[1] ?? text.trim();
  const reader = new Reader(/^[.[$@]/.test(inner) ? inner : `.${inner}`);
  const path = parsePathAt(reader);
  if (!reader.atEnd()) throw reader.unexpected('the end of the path');
  return path;
}

function parseParts(reader: Reader, inRange: boolean): Part[] {
  const parts: Part[] = [];
  while (!reader.atEnd()) {
    const text = reader.until('{');
    if (text !== '') parts.push({ type: 'text', text });
    if (!reader.take('{')) break;
    if (parseBlock(reader, parts, inRange)) return parts;
  }
  if (inRange) throw reader.unexpected('{end}');
  return parts;
}

/** What stands between two braces. True when it was the `{end}` of the range being parsed. */
function parseBlock(reader: Reader, parts: Part[], inRange: boolean): boolean {
  for (reader.space(); !reader.take('}'); reader.space()) {
    if (reader.atEnd()) throw reader.unexpected("'}'");
    if (reader.takeWord('range')) {
      reader.space();
      const path = parsePathAt(reader);
      reader.space();
      reader.expect('}');
      parts.push({ type: 'range', path, body: parseParts(reader, true) });
      return false;
    }
    if (reader.takeWord('end')) {
      if (!inRange) throw reader.unexpected('no {end} outside a {range}');
      reader.space();
      reader.expect('}');
      return true;
    }
    if (reader.peek() === '"' || reader.peek() === "'") parts.push({ type: 'text', text: reader.quoted() });
    else parts.push(parsePathAt(reader));
  }
  return false;
}

function parsePathAt(reader: Reader): Path {
  const root = reader.take('$');
  if (!root) reader.take('@');
  const steps: Step[] = [];
  let bare = !root && steps.length === 0 && /[\w*]/.test(reader.peek() ?? '');
  for (;;) {
    if (reader.take('..')) {
      steps.push({ type: 'descendants' });
      if (reader.peek() !== '[') steps.push(fieldStep(reader));
    } else if (reader.take('.')) {
      if (/[\w*\\$/-]/.test(reader.peek() ?? '')) steps.push(fieldStep(reader));
    } else if (reader.take('[')) {
      steps.push(parseBracket(reader));
    } else if (bare) {
      steps.push(fieldStep(reader));
    } else {
      return { type: 'path', root, steps };
    }
    bare = false;
  }
}

function fieldStep(reader: Reader): Step {
  if (reader.take('*')) return { type: 'every' };
  return { type: 'field', names: [reader.fieldName()] };
}

function parseBracket(reader: Reader): Step {
  reader.space();
  if (reader.take('?(')) return parseFilter(reader);
  const step = parseSelection(reader);
  reader.space();
  reader.expect(']');
  return step;
}

function parseSelection(reader: Reader): Step {
  if (reader.take('*')) return { type: 'every' };
  if (reader.peek() === '"' || reader.peek() === "'") {
    return { type: 'field', names: separated(reader, () => reader.quoted()) };
  }
  const first = reader.integer();
  if (reader.peek() === ':') return parseSlice(reader, first);
  if (first === undefined) throw reader.unexpected("an index, a quoted name, '*' or '?('");
  const indexes = [first];
  while (reader.take(',')) indexes.push(reader.integer() ?? 0);
  return { type: 'index', indexes };
}

function separated<T>(reader: Reader, item: () => T): T[] {
  const items = [item()];
  for (reader.space(); reader.take(','); reader.space()) {
    reader.space();
    items.push(item());
  }
  return items;
}

function parseSlice(reader: Reader, from: number | undefined): Step {
  reader.expect(':');
  const to = reader.integer();
  const step = reader.take(':') ? (reader.integer() ?? 1) : 1;
  return {
    type: 'slice',
    step: Math.max(1, step),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  };
}

const operators = ['==', '!=', '<=', '>=', '<', '>'] as const;

function parseFilter(reader: Reader): Step {
  reader.space();
  const left = parseOperand(reader);
  reader.space();
  const operator = operators.find((symbol) => reader.take(symbol));
  reader.space();
  const right = operator === undefined ? undefined : parseOperand(reader);
  reader.space();
  reader.expect(')');
  reader.expect(']');
  return { type: 'filter', left, operator: operator ?? 'exists', ...(right === undefined ? {} : { right }) };
}

function parseOperand(reader: Reader): Operand {
  const next = reader.peek();
  if (next === '"' || next === "'") return { type: 'literal', value: reader.quoted() };
  if (reader.takeWord('true')) return { type: 'literal', value: true };
  if (reader.takeWord('false')) return { type: 'literal', value: false };
  if (reader.takeWord('null') || reader.takeWord('nil')) return { type: 'literal', value: null };
  const number = reader.number();
  if (number === undefined && !/[@$.[]/.test(next ?? '')) throw reader.unexpected('a path or a value');
  return number === undefined ? parsePathAt(reader) : { type: 'literal', value: number };
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  peek(): string | undefined {
    return this.#text[this.#at];
  }

  take(symbol: string): boolean {
    if (!this.#text.startsWith(symbol, this.#at)) return false;
    this.#at += symbol.length;
    return true;
  }

  takeWord(word: string): boolean {
    const next = this.#text[this.#at + word.length] ?? ' ';
    return /[\s}).,\]]/.test(next) && this.take(word);
  }

  expect(symbol: string): void {
    if (!this.take(symbol)) throw this.unexpected(`'${symbol}'`);
  }

  space(): void {
    while (/\s/.test(this.peek() ?? '')) this.#at++;
  }

  until(stop: string): string {
    const end = this.#text.indexOf(stop, this.#at);
    const start = this.#at;
    this.#at = end < 0 ? this.#text.length : end;
    return this.#text.slice(start, this.#at);
  }

  /** Letters and digits of a field; a backslash makes the next character part of the name. */
  fieldName(): string {
    let name = '';
    while (/[^\s.[\]{}()<>=!,|&'"]/.test(this.peek() ?? ' ')) {
      if (this.peek() === '\\') this.#at++;
      name += this.peek() ?? '';
      this.#at++;
    }
    if (name === '') throw this.unexpected('a field name');
    return name;
  }

  integer(): number | undefined {
    return this.#match(/-?\d+/y);
  }

  number(): number | undefined {
    return this.#match(/-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y);
  }

  quoted(): string {
    const quote = this.peek() ?? '';
    this.#at++;
    let text = '';
    while (!this.atEnd() && this.peek() !== quote) text += this.#character();
    this.expect(quote);
    return text;
  }

  unexpected(wanted: string): UsageError {
    const found = this.atEnd() ? 'it ended' : `found ${JSON.stringify(this.peek())}`;
    return new UsageError(
      `JSONPath ${JSON.stringify(this.#text.slice(0, 200))}: wanted ${wanted} at character ${this.#at + 1}, but ${found}`,
    );
  }

  #character(): string {
    const character = this.#text[this.#at++] ?? '';
    if (character !== '\\') return character;
    const escaped = this.#text[this.#at++] ?? '';
    return { n: '\n', t: '\t', r: '\r' }[escaped] ?? escaped;
  }

  #match(pattern: RegExp): number | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined) return undefined;
    this.#at += found.length;
    return Number(found);
  }
}
