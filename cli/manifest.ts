/**
 * Manifests: YAML or JSON text to objects that know where they were written, so that every later error,
 * also one the server finds, is told with file, line and column. YAML 1.2 core schema, many documents,
 * `kind: List` taken apart.
 *
 * Invariant: what comes out is plain JSON of bounded size and depth; no alias, date or cycle is left.
 */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseAllDocuments,
  visit,
  type YAMLError,
} from 'yaml';
import { ApiError } from '../api/meta/api-error.ts';
import type { AnyObject } from '../api/meta/object-meta.ts';

const maxBytes = 10 * 1024 * 1024;
const maxDepth = 64;
/** Each use of an alias repeats its anchor's content: a few kilobytes could otherwise become gigabytes. */
const maxAliasCount = 100;

/** One object and where it stands. */
export interface Manifest {
  object: AnyObject;
  /** Line and column of a field (`spec.template.spec.containers[0].image`), or of the deepest part of it that is there. */
  place(field: string): Place;
}

export interface Place {
  file: string;
  /** Both from 1. */
  line: number;
  column: number;
  /** The whole line. */
  text: string;
}

const maxShown = 160;

/** `web.yaml:7:3: …` and the line with a caret under it. */
export function errorAt({ file, line, column, text }: Place, message: string): ApiError {
  const number = String(line).padStart(5);
  // Of a line as long as JSON's, the part around the place.
  const start = column > maxShown ? column - maxShown / 2 : 0;
  const shown = text.slice(start, start + maxShown);
  const indent = text.slice(start, column - 1).replace(/[^\t]/g, ' ');
  return new ApiError(
    'BadRequest',
    `${file}:${line}:${column}: ${message}\n${number} | ${shown}\n${' '.repeat(5)} | ${indent}^`,
  );
}

/** Throws ApiError BadRequest for the first thing that is wrong. `file` is only used to name it. */
export function parseManifests(bytes: Uint8Array, file: string): Manifest[] {
  if (bytes.length > maxBytes) throw new ApiError('BadRequest', `${file}: larger than ${maxBytes >> 20} MiB`);
  const source = new SourceText(file, decode(bytes, file));
  return parseDocuments(source).flatMap((document) => manifestsOf(document, source));
}

function decode(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ApiError('BadRequest', `${file}: is not UTF-8 text`);
  }
}

class SourceText {
  readonly file: string;
  readonly text: string;
  readonly lineCounter = new LineCounter();

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
  }

  placeAt(offset: number): Place {
    const { line, col } = this.lineCounter.linePos(offset);
    const start = this.lineCounter.lineStarts[line - 1] ?? 0;
    const text = this.text.slice(start).split(/\r?\n/, 1)[0] ?? '';
    return { file: this.file, line: Math.max(1, line), column: Math.max(1, col), text };
  }
}

function parseDocuments(source: SourceText): Document.Parsed[] {
  try {
    const documents = parseAllDocuments(source.text, {
      version: '1.2',
      schema: 'core',
      merge: true,
      uniqueKeys: true,
      prettyErrors: false,
      logLevel: 'silent',
      lineCounter: source.lineCounter,
    });
    return Array.isArray(documents) ? documents : [];
  } catch (error) {
    // The parser recurses: thousands of open brackets end in a full stack.
    if (error instanceof RangeError) throw new ApiError('BadRequest', `${source.file}: nested too deeply`);
    throw error;
  }
}

function manifestsOf(document: Document.Parsed, source: SourceText): Manifest[] {
  const [problem] = document.errors;
  if (problem) throw errorAt(source.placeAt(problem.pos[0]), yamlMessage(problem));
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null))
    return [];
  checkTree(document, source);
  return objectsOf(plainValue(document, source), [], { document, source });
}

function yamlMessage({ code, message }: YAMLError): string {
  if (code === 'DUPLICATE_KEY') return 'this key is given twice';
  if (code === 'RESOURCE_EXHAUSTION') return 'nested too deeply';
  return message;
}

/** Depth, and keys that are no text: checked on the tree, where the place is known. */
function checkTree(document: Document.Parsed, source: SourceText): void {
  visit(document, {
    Node: (_key, node, path) => {
      if (path.length > 2 * maxDepth) throw errorAt(placeOf(node, source), 'nested too deeply');
    },
    Pair: (_key, pair) => {
      if (isNode(pair.key) && !isScalar(pair.key) && !isAlias(pair.key))
        throw errorAt(placeOf(pair.key, source), 'a key must be text');
    },
    Alias: (_key, node) => {
      if (!node.resolve(document))
        throw errorAt(placeOf(node, source), `there is no anchor &${node.source} before this`);
    },
    Scalar: (_key, node) => {
      if (typeof node.value === 'number' && !Number.isFinite(node.value))
        throw errorAt(placeOf(node, source), 'is not a finite number');
    },
  });
}

function plainValue(document: Document.Parsed, source: SourceText): unknown {
  try {
    // Through JSON text: what is shared by aliases is written out, and a cycle is found.
    return JSON.parse(JSON.stringify(document.toJS({ maxAliasCount })));
  } catch (error) {
    const place = document.contents ? placeOf(document.contents, source) : source.placeAt(0);
    const message =
      error instanceof ReferenceError
        ? `its aliases repeat too much (more than ${maxAliasCount} times)`
        : 'an alias contains itself, or it is nested too deeply';
    throw errorAt(place, message);
  }
}

interface Origin {
  document: Document.Parsed;
  source: SourceText;
}

function objectsOf(value: unknown, prefix: string[], origin: Origin): Manifest[] {
  const place = (field: string): Place => placeOfPath(origin, [...prefix, ...fieldSegments(field)]);
  if (!isObject(value)) throw errorAt(place(''), 'want an object with apiVersion, kind and metadata');
  for (const field of ['apiVersion', 'kind']) {
    const word = value[field];
    if (word === undefined) throw errorAt(place(''), `${field} is missing`);
    if (typeof word !== 'string' || word === '') throw errorAt(place(field), `${field} must be text`);
  }
  if (value['kind'] === 'List' && Array.isArray(value['items'])) {
    return value['items'].flatMap((item: unknown, index) =>
      objectsOf(item, [...prefix, 'items', String(index)], origin),
    );
  }
  checkMetadata(value, place);
  return [{ object: value as AnyObject, place }];
}

function checkMetadata(value: Record<string, unknown>, place: Manifest['place']): void {
  const { metadata } = value;
  if (metadata === undefined || metadata === null)
    throw errorAt(place('metadata'), 'metadata.name is missing');
  if (!isObject(metadata)) throw errorAt(place('metadata'), 'metadata must be an object');
  for (const field of ['name', 'generateName', 'namespace']) {
    const word = metadata[field];
    if (word !== undefined && typeof word !== 'string')
      throw errorAt(place(`metadata.${field}`), `metadata.${field} must be text${quoteHint(word)}`);
  }
  if (!metadata['name'] && !metadata['generateName'])
    throw errorAt(place('metadata'), 'metadata.name is missing');
}

function quoteHint(word: unknown): string {
  return typeof word === 'number' || typeof word === 'boolean' ? `: write "${word}" in quotes` : '';
}

/** `spec.containers[0].env` and `metadata.labels[a.b/c]` as a list of keys. */
export function fieldSegments(field: string): string[] {
  return [...field.matchAll(/\[([^\]]*)\]|([^.[\]]+)/g)].map(
    ([, bracketed, plain]) => bracketed ?? plain ?? '',
  );
}

function placeOfPath({ document, source }: Origin, segments: readonly string[]): Place {
  let node: unknown = document.contents;
  let found: Node | undefined = isNode(node) ? node : undefined;
  for (const segment of segments) {
    if (isAlias(node)) node = node.resolve(document);
    const next = childOf(node, segment);
    if (!next) break;
    found = next.mark;
    node = next.value;
  }
  return found ? placeOf(found, source) : source.placeAt(0);
}

/** The child, and the node to point at: the key of a map, the item of a list. */
function childOf(node: unknown, segment: string): { mark: Node; value: unknown } | undefined {
  if (isMap(node)) {
    const pair = node.items.find(({ key }: Pair) => isScalar(key) && String(key.value) === segment);
    return pair && isNode(pair.key) ? { mark: pair.key, value: pair.value } : undefined;
  }
  const item = isSeq(node) ? node.items[Number(segment)] : undefined;
  return isNode(item) ? { mark: item, value: item } : undefined;
}

function placeOf(node: Node, source: SourceText): Place {
  return source.placeAt(node.range?.[0] ?? 0);
}

function isNode(value: unknown): value is Node {
  return isScalar(value) || isMap(value) || isSeq(value) || isAlias(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
