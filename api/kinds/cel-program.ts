/**
 * One CEL expression, compiled: its types checked, the fields it names looked up in the schema, and its
 * cost bounded. Regular expressions are RE2's, so that matching takes time linear in the text.
 *
 * Invariant: evaluation does at most `costOf` steps, whatever the values are.
 */
import { Environment, Optional } from '@marcbachmann/cel-js';
import { linearMatch, maxMadeText, registerLibraries } from './cel-libraries.ts';
import { celName } from './cel-values.ts';
import type { CustomSchema } from './custom-schema.ts';

export interface CelProgram {
  readonly usesOldSelf: boolean;
  /** Steps it may take on a value that is so large. */
  costOf(size: ValueSize): number;
  /** Throws when the expression has no value, such as for a field that is not there. */
  run(variables: { self: unknown; oldSelf?: unknown }): unknown;
}

/** The longest list or map in a value, and its longest text. */
export interface ValueSize {
  members: number;
  text: number;
}

const maxExpressionLength = 10_000;

/** Throws Error saying what is wrong with the expression. */
export function compileCel(
  expression: string,
  {
    schema,
    optionalOldSelf,
    result,
  }: { schema: CustomSchema; optionalOldSelf: boolean; result: 'bool' | 'string' },
): CelProgram {
  if (expression.length > maxExpressionLength)
    throw new Error(`may not be longer than ${maxExpressionLength} characters`);
  const environment = base().registerVariable('oldSelf', optionalOldSelf ? 'optional<dyn>' : 'dyn');
  const program = environment.parse(expression);
  const shape = readShape(program.ast, schema);
  const checked = program.check();
  if (!checked.valid) throw checked.error ?? new Error('does not compile');
  if (checked.type !== result && checked.type !== 'dyn')
    throw new Error(`must give a ${result}, not a ${checked.type}`);
  return {
    usesOldSelf: shape.usesOldSelf,
    costOf: (size) => costOf(shape, size),
    run: ({ self, oldSelf }) => program({ self, oldSelf: optionalOldSelf ? optionalOf(oldSelf) : oldSelf }),
  };
}

function optionalOf(value: unknown): unknown {
  return value === undefined ? Optional.none() : Optional.of(value);
}

/** CEL's own functions, optionals, and Kubernetes' libraries. */
function base(): Environment {
  const environment = new Environment({
    unlistedVariablesAreDyn: false,
    enableOptionalTypes: true,
    homogeneousAggregateLiterals: false,
  });
  return registerLibraries(environment).registerVariable('self', 'dyn');
}

const loops = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);

interface Node {
  op: string;
  args: unknown;
}

interface Shape {
  nodes: number;
  /** How deep loops are nested. */
  depth: number;
  /** Longest list that is written out. */
  literal: number;
  /** Lists and texts can be added to each other: each `+` may make one longer than any in the value. */
  additions: number;
  /** Makes lists as long as texts. */
  splits: boolean;
  /** Makes texts longer than any in the value. */
  makesText: boolean;
  usesOldSelf: boolean;
}

function readShape(root: unknown, schema: CustomSchema): Shape {
  const shape: Shape = {
    nodes: 0,
    depth: 0,
    literal: 0,
    additions: 0,
    splits: false,
    makesText: false,
    usesOldSelf: false,
  };
  visit(root, 0, shape);
  resolve(root, schema);
  return shape;
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'op' in value;
}

function visit(value: unknown, depth: number, shape: Shape): void {
  if (Array.isArray(value)) for (const item of value) visit(item, depth, shape);
  if (!isNode(value)) return;
  shape.nodes++;
  const { op, args } = value;
  if (op === 'id' && args === 'oldSelf') shape.usesOldSelf = true;
  if (op === '+') shape.additions++;
  if ((op === 'list' || op === 'map') && Array.isArray(args))
    shape.literal = Math.max(shape.literal, args.length);
  if (op === 'rcall' && Array.isArray(args)) visitMethod(args, depth, shape);
  else visit(args, depth, shape);
}

function visitMethod(args: unknown[], depth: number, shape: Shape): void {
  const [name, receiver, given] = args;
  if (name === 'matches') args[0] = linearMatch;
  if (name === 'split') shape.splits = true;
  if (name === 'replace' || name === 'join' || name === 'format') shape.makesText = true;
  const inside = loops.has(String(name)) ? depth + 1 : depth;
  shape.depth = Math.max(shape.depth, inside);
  visit(receiver, depth, shape);
  visit(given, inside, shape);
}

function costOf(
  { nodes, depth, literal, additions, splits, makesText }: Shape,
  { members, text: given }: ValueSize,
): number {
  const text = makesText ? Math.max(given, maxMadeText) : given;
  const longest = Math.max(members, literal, splits ? text : 1, 1) * (additions + 1);
  return nodes * longest ** depth * (1 + (text * (additions + 1)) / 1024);
}

/** The schema of what an expression names, as far as it is known. Throws Error for a field that cannot be there. */
function resolve(value: unknown, root: CustomSchema): CustomSchema | undefined {
  if (Array.isArray(value)) for (const item of value) resolve(item, root);
  if (!isNode(value)) return undefined;
  const { op, args } = value;
  if (op === 'id') return args === 'self' ? root : undefined;
  if (op !== '.' || !Array.isArray(args)) {
    resolve(args, root);
    return undefined;
  }
  const owner = resolve(args[0], root);
  return owner && member(owner, String(args[1]));
}

function member(owner: CustomSchema, name: string): CustomSchema | undefined {
  const { properties, additionalProperties } = owner;
  if (typeof additionalProperties === 'object') return additionalProperties;
  if (!properties) return undefined;
  const found = Object.keys(properties).find((property) => celName(property) === name);
  if (found === undefined) throw new Error(`undefined field '${name}'`);
  return properties[found];
}
