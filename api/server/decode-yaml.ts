/**
 * YAML of a configuration to apply, to a JSON value with the same rules as any other body. kubectl and the
 * client libraries send JSON; YAML is for people with curl, and takes far longer to parse: hence its own,
 * smaller limits.
 *
 * Invariant: the parser never sees text on which it would take more than a fraction of a second.
 */
import { ApiError } from '../meta/api-error.ts';
import { decodeJson, maxDepth } from './decode-body.ts';

const maxYamlBytes = 64 * 1024;
const maxAliases = 100;

/** Throws ApiError BadRequest or RequestEntityTooLarge. */
export async function decodeYaml(body: Buffer): Promise<unknown> {
  if (body.length > maxYamlBytes)
    throw new ApiError('RequestEntityTooLarge', `YAML may have at most ${maxYamlBytes} bytes; send JSON`);
  const text = body.toString();
  if (nesting(text) > maxDepth) throw malformed(`it is nested deeper than ${maxDepth} levels`);
  const { parseDocument, visit } = await import('yaml');
  // The parser's own look for duplicates compares every key with every other.
  const document = parseDocument(text, { uniqueKeys: false, logLevel: 'error' });
  const [error] = document.errors;
  if (error) throw malformed(error.message);
  visit(document, {
    Map(_key, { items }) {
      const seen = new Set<string>();
      for (const { key } of items) {
        const name = String(key);
        if (seen.has(name)) throw malformed(`it has a duplicate field ${JSON.stringify(name.slice(0, 200))}`);
        seen.add(name);
      }
    },
  });
  return decodeJson(Buffer.from(JSON.stringify(plain(document)) ?? ''));
}

function plain(document: { toJS(options: { maxAliasCount: number }): unknown }): unknown {
  try {
    return document.toJS({ maxAliasCount: maxAliases });
  } catch (error) {
    throw malformed(error instanceof Error ? error.message : '');
  }
}

/** How deep brackets, or dashes of one line, go into each other. Those inside text count too: that errs on the safe side. */
function nesting(text: string): number {
  let [deepest, brackets] = [0, 0];
  for (const character of text) {
    if (character === '[' || character === '{') deepest = Math.max(deepest, ++brackets);
    else if (character === ']' || character === '}') brackets--;
  }
  for (const [indicators] of text.matchAll(/(?:[-?:] +)+/g))
    deepest = Math.max(deepest, indicators.replaceAll(' ', '').length);
  return deepest;
}

function malformed(problem: string): ApiError {
  return new ApiError('BadRequest', `error decoding YAML: ${problem.split('\n', 1)[0]}`);
}
