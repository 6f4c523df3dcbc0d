/**
 * Label selectors: the text form of query parameters (`app=web,tier in (a,b),!old`) and the object form
 * of specs (`matchLabels`, `matchExpressions`), parsed to one list of requirements.
 * The lexer is linear in its input and knows no regular expressions of the user.
 */
import { ApiError } from './api-error.ts';
import { labelValueError, qualifiedNameError } from './names.ts';

export type Operator = 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';

export interface Requirement {
  key: string;
  operator: Operator;
  values?: string[];
}

export interface LabelSelector {
  matchLabels?: Record<string, string>;
  matchExpressions?: Requirement[];
}

export type Labels = Readonly<Record<string, string>>;

const maxTerms = 64;

export function matchesRequirement({ key, operator, values = [] }: Requirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return compareIntegers(value, values[0], (left, right) => left > right);
    case 'Lt':
      return compareIntegers(value, values[0], (left, right) => left < right);
  }
}

const integer = /^-?\d{1,18}$/;

function compareIntegers(
  left: string | undefined,
  right: string | undefined,
  holds: (left: bigint, right: bigint) => boolean,
): boolean {
  if (left === undefined || right === undefined || !integer.test(left) || !integer.test(right)) return false;
  return holds(BigInt(left), BigInt(right));
}

/** Every requirement must hold; no requirements match everything. */
export function matchesLabels(requirements: readonly Requirement[], labels: Labels = {}): boolean {
  return requirements.every((requirement) => matchesRequirement(requirement, labels));
}

export function requirementsOf({ matchLabels = {}, matchExpressions = [] }: LabelSelector): Requirement[] {
  const equalities = Object.entries(matchLabels).map(
    ([key, value]): Requirement => ({ key, operator: 'In', values: [value] }),
  );
  return [...equalities, ...matchExpressions];
}

/** Parses the text form. Throws ApiError BadRequest naming the place where it stops making sense. */
export function parseLabelSelector(text: string): Requirement[] {
  const lexer = new Lexer(text);
  const requirements: Requirement[] = [];
  if (lexer.atEnd()) return requirements;
  do {
    requirements.push(parseRequirement(lexer));
    if (requirements.length > maxTerms)
      throw new ApiError('BadRequest', `a label selector may have at most ${maxTerms} terms`);
  } while (lexer.take(','));
  if (!lexer.atEnd()) throw lexer.unexpected("',' or the end");
  return requirements;
}

function parseRequirement(lexer: Lexer): Requirement {
  if (lexer.take('!')) return { key: key(lexer), operator: 'DoesNotExist' };
  const name = key(lexer);
  if (lexer.take('!=')) return { key: name, operator: 'NotIn', values: [value(lexer)] };
  if (lexer.take('==') || lexer.take('=')) return { key: name, operator: 'In', values: [value(lexer)] };
  if (lexer.take('>')) return { key: name, operator: 'Gt', values: [value(lexer)] };
  if (lexer.take('<')) return { key: name, operator: 'Lt', values: [value(lexer)] };
  if (lexer.takeWord('in')) return { key: name, operator: 'In', values: valueSet(lexer) };
  if (lexer.takeWord('notin')) return { key: name, operator: 'NotIn', values: valueSet(lexer) };
  return { key: name, operator: 'Exists' };
}

function key(lexer: Lexer): string {
  const word = lexer.word();
  const problem = qualifiedNameError(word);
  if (problem) throw new ApiError('BadRequest', `label key ${JSON.stringify(word)} ${problem}`);
  return word;
}

function value(lexer: Lexer): string {
  const word = lexer.word();
  const problem = labelValueError(word);
  if (problem) throw new ApiError('BadRequest', `label value ${JSON.stringify(word)} ${problem}`);
  return word;
}

function valueSet(lexer: Lexer): string[] {
  if (!lexer.take('(')) throw lexer.unexpected("'('");
  const values = [value(lexer)];
  while (lexer.take(',')) values.push(value(lexer));
  if (!lexer.take(')')) throw lexer.unexpected("',' or ')'");
  return values;
}

const wordCharacter = /[^\s,()!=<>]/;

class Lexer {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#skipSpace();
  }

  atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  take(symbol: string): boolean {
    if (!this.#text.startsWith(symbol, this.#at)) return false;
    this.#at += symbol.length;
    this.#skipSpace();
    return true;
  }

  takeWord(word: string): boolean {
    const next = this.#text[this.#at + word.length];
    if (!this.#text.startsWith(word, this.#at) || (next !== undefined && wordCharacter.test(next)))
      return false;
    return this.take(word);
  }

  /** The longest run of word characters; may be empty. */
  word(): string {
    const start = this.#at;
    while (this.#at < this.#text.length && wordCharacter.test(this.#text[this.#at] ?? '')) this.#at++;
    const word = this.#text.slice(start, this.#at);
    this.#skipSpace();
    return word;
  }

  unexpected(wanted: string): ApiError {
    const found = this.atEnd() ? 'it ended' : `found ${JSON.stringify(this.#text[this.#at])}`;
    return new ApiError(
      'BadRequest',
      `label selector ${JSON.stringify(this.#text.slice(0, 200))}: wanted ${wanted} at character ${this.#at + 1}, but ${found}`,
    );
  }

  #skipSpace(): void {
    while (this.#text[this.#at] === ' ' || this.#text[this.#at] === '\t') this.#at++;
  }
}
