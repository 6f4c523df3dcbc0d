/** How a new input comes of the old ones: a few changes to the text, or to the value that it is as JSON. */
import type { Random } from '../../../api/meta/random.ts';
import { pick } from './fuzzer.ts';

const maxChanges = 6;
const maxLength = 4096;
const oddCharacters = ['\0', '\n', '\x7f', '\xff', '\xc0\xaf', '"', '\\', '~', '/', '-', ' ', '9'.repeat(30)];
const oddValues: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e21,
  '',
  'a',
  [],
  {},
  [[]],
  [null],
  { a: null },
  '9'.repeat(20),
  '__proto__',
  'constructor',
  'toString',
];

export function mutate(corpus: readonly string[], words: readonly string[], random: Random): string {
  let text = pick(corpus, random);
  const asJson = random.next() < 0.6 ? parsed(text) : undefined;
  for (let changes = 1 + random.next() * maxChanges; changes >= 1; changes--) {
    if (asJson !== undefined) text = JSON.stringify(changedValue(parsed(text), { corpus, words, random }));
    else text = changedText(text, { corpus, words, random });
  }
  return text.slice(0, maxLength);
}

interface Sources {
  corpus: readonly string[];
  words: readonly string[];
  random: Random;
}

function changedText(text: string, { corpus, words, random }: Sources): string {
  const from = Math.floor(random.next() * (text.length + 1));
  const to = Math.min(text.length, from + Math.floor(random.next() * 8));
  const before = text.slice(0, from);
  const change = random.next();
  if (change < 0.35) return before + pick(words, random) + text.slice(from);
  if (change < 0.5) return before + pick(words, random) + text.slice(to);
  if (change < 0.65) return before + text.slice(to);
  if (change < 0.75) return before + pick(oddCharacters, random) + text.slice(from);
  if (change < 0.85)
    return before + text.slice(from, to).repeat(1 + Math.floor(random.next() * 40)) + text.slice(to);
  const other = pick(corpus, random);
  return before + other.slice(Math.floor(random.next() * other.length));
}

/** Changes one place in a JSON value. */
function changedValue(root: unknown, sources: Sources): unknown {
  const { random, words, corpus } = sources;
  if (typeof root !== 'object' || root === null || random.next() < 0.2) return otherValue(sources);
  const copy: Record<string, unknown> = (Array.isArray(root) ? [...root] : { ...root }) as Record<
    string,
    unknown
  >;
  const names = Object.keys(copy);
  const name = names.length > 0 && random.next() < 0.85 ? pick(names, random) : pick(words, random);
  const change = random.next();
  if (change < 0.6 && names.includes(name)) copy[name] = changedValue(copy[name], { random, words, corpus });
  else if (change < 0.7) delete copy[name];
  else if (Array.isArray(root))
    return [...root, names.length > 0 ? copy[pick(names, random)] : otherValue(sources)];
  else
    Object.defineProperty(copy, pick(words, random), {
      value: copy[name] ?? otherValue(sources),
      enumerable: true,
      writable: true,
      configurable: true,
    });
  return copy;
}

function otherValue({ corpus, words, random }: Sources): unknown {
  if (random.next() < 0.4) return pick(words, random);
  if (random.next() < 0.6) return pick(oddValues, random);
  return parsed(pick(corpus, random)) ?? pick(words, random);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
