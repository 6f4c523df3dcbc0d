/**
 * Grammar fuzzing: inputs made by changing those of a committed corpus with the words of a grammar, and a
 * property that must hold for every one of them. The same seed makes the same inputs.
 *
 *   npm run fuzz                              what there is
 *   npm run fuzz -- quantity --seconds 600    one target for ten minutes
 *
 * A failing input is made as small as it can be. Kept as a file in `corpus/<target>/`, it is tried first ever after.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ApiError } from '../../../api/meta/api-error.ts';
import { type Random, seededRandom } from '../../../api/meta/random.ts';
import { mutate } from './mutation.ts';

export interface Target {
  name: string;
  /** Pieces that inputs are made of. */
  words: readonly string[];
  /** Throws when the property does not hold; refusals (ApiError) are as good as answers. */
  check(input: string): void;
}

export interface Failure {
  input: string;
  error: unknown;
}

const corpusRoot = new URL('./corpus/', import.meta.url).pathname;

/** One character per byte: inputs may be any bytes. */
export function corpusOf({ name }: Pick<Target, 'name'>): string[] {
  const directory = join(corpusRoot, name);
  return readdirSync(directory)
    .sort()
    .map((file) => readFileSync(join(directory, file), 'latin1'));
}

/** Tries the corpus, then inputs made from it while `goOn` says so. */
export function fuzz(
  target: Target,
  { seed, goOn }: { seed: number; goOn: (tried: number) => boolean },
): { tried: number; failure: Failure | undefined } {
  const corpus = corpusOf(target);
  const random = seededRandom(seed);
  for (let tried = 0; ; tried++) {
    if (tried >= corpus.length && !goOn(tried)) return { tried, failure: undefined };
    const input = corpus[tried] ?? mutate(corpus, target.words, random);
    const error = problemWith(target, input);
    if (error !== undefined) return { tried, failure: minimal(target, { input, error }) };
  }
}

/** What `check` threw, unless it is a refusal. */
function problemWith({ check }: Target, input: string): unknown {
  try {
    check(input);
  } catch (error) {
    if (!(error instanceof ApiError)) return error ?? new Error('something undefined was thrown');
  }
  return undefined;
}

/** Takes pieces away as long as it goes on to fail. */
function minimal(target: Target, failure: Failure): Failure {
  let smallest = failure;
  for (
    let size = Math.ceil(failure.input.length / 2);
    size >= 1;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let at = 0; at + size <= smallest.input.length; ) {
      const input = smallest.input.slice(0, at) + smallest.input.slice(at + size);
      const error = problemWith(target, input);
      if (error === undefined) at += size;
      else smallest = { input, error };
    }
  }
  return smallest;
}

export function pick<T>(items: readonly T[], random: Random): T {
  return items[Math.floor(random.next() * items.length)]!;
}

/** For checks: throws what a test shows when two values that must be the same are not. */
export function requireSame(what: string, left: unknown, right: unknown): void {
  const [a, b] = [left, right].map((value) => JSON.stringify(value, bigintsAsText));
  if (a !== b) throw new Error(`${what}: ${a?.slice(0, 500)} is not ${b?.slice(0, 500)}`);
}

function bigintsAsText(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value;
}
