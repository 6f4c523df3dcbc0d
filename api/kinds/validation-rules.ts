/**
 * `x-kubernetes-validations`: the CEL rules of a custom kind's schema, checked on objects that satisfy the
 * schema. A rule may look at its own field and what is inside (`self`), and on updates at what was there
 * before (`oldSelf`); in lists only the items of `x-kubernetes-list-type: map` have a before.
 *
 * Invariant: the rules of a schema together do at most `maxCost` steps on one object.
 */
import type { Cause } from '../meta/api-error.ts';
import { type CelProgram, compileCel, type ValueSize } from './cel-program.ts';
import { celValue } from './cel-values.ts';
import type { CustomSchema, ValidationRule } from './custom-schema.ts';
import { parseJsonPath } from './json-path.ts';

/** A second or two on a slow machine. */
const maxCost = 10_000_000;
const maxCauses = 50;
const reasons = [
  'FieldValueInvalid',
  'FieldValueForbidden',
  'FieldValueRequired',
  'FieldValueDuplicate',
] as const;

interface CompiledRule extends ValidationRule {
  program: CelProgram;
  messageProgram: CelProgram | undefined;
}

type Compiled = ReadonlyMap<CustomSchema, CompiledRule[]>;

/** What is wrong with the rules themselves; `path` is where the schema stands in the definition. */
export function ruleCauses(root: CustomSchema, path: string): Cause[] {
  const causes: Cause[] = [];
  visitSchemas(root, path, (schema, at) => {
    for (const [index, rule] of (schema['x-kubernetes-validations'] ?? []).entries()) {
      const field = `${at}.x-kubernetes-validations[${index}]`;
      for (const [name, message] of problemsOf(rule, schema))
        causes.push({ field: `${field}.${name}`, message, reason: 'FieldValueInvalid' });
    }
  });
  return causes.slice(0, maxCauses);
}

function* problemsOf(
  rule: ValidationRule,
  schema: CustomSchema,
): Generator<[field: string, problem: string]> {
  const attempt = (act: () => unknown): string | undefined => {
    try {
      act();
      return undefined;
    } catch (error) {
      return `compilation failed: ${firstLine(error)}`;
    }
  };
  if (typeof rule?.rule !== 'string' || rule.rule.trim() === '')
    return yield ['rule', 'must be a CEL expression'];
  const problem = attempt(() => compileRule(rule, schema));
  if (problem !== undefined) yield ['rule', problem];
  if (rule.messageExpression !== undefined) {
    const broken = attempt(() => compileMessage(rule, schema));
    if (broken !== undefined) yield ['messageExpression', broken];
  }
  if (rule.reason !== undefined && !reasons.some((reason) => reason === rule.reason))
    yield ['reason', `must be one of ${reasons.join(', ')}`];
  if (rule.fieldPath !== undefined && parseJsonPath(rule.fieldPath)?.plainNames === undefined)
    yield ['fieldPath', 'must be a path of names, such as .spec.replicas'];
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}

function compileRule({ rule, optionalOldSelf = false }: ValidationRule, schema: CustomSchema): CelProgram {
  return compileCel(rule, { schema, optionalOldSelf, result: 'bool' });
}

function compileMessage(
  { messageExpression, optionalOldSelf = false }: ValidationRule,
  schema: CustomSchema,
): CelProgram | undefined {
  return messageExpression === undefined
    ? undefined
    : compileCel(messageExpression, { schema, optionalOldSelf, result: 'string' });
}

type Visit = (schema: CustomSchema, path: string) => void;

function visitSchemas(schema: CustomSchema, path: string, visit: Visit): void {
  visit(schema, path);
  for (const [name, member] of Object.entries(schema.properties ?? {}))
    visitSchemas(member, `${path}.properties[${name}]`, visit);
  if (schema.items) visitSchemas(schema.items, `${path}.items`, visit);
  if (typeof schema.additionalProperties === 'object')
    visitSchemas(schema.additionalProperties, `${path}.additionalProperties`, visit);
}

/** Gives what the rules say about a value and the one before it; undefined when the schema has no rules. */
export function ruleChecker(root: CustomSchema): ((value: unknown, old: unknown) => Cause[]) | undefined {
  const compiled = new Map<CustomSchema, CompiledRule[]>();
  visitSchemas(root, '', (schema) => {
    const rules = schema['x-kubernetes-validations'] ?? [];
    if (rules.length === 0) return;
    compiled.set(
      schema,
      rules.map((rule) => ({
        ...rule,
        program: compileRule(rule, schema),
        messageProgram: compileMessage(rule, schema),
      })),
    );
  });
  if (compiled.size === 0) return undefined;
  return (value, old) => {
    const check: Check = { compiled, causes: [], cost: 0 };
    checkValue({ schema: root, value, old, path: '' }, check);
    return check.causes;
  };
}

interface Check {
  compiled: Compiled;
  causes: Cause[];
  cost: number;
}

interface Place {
  schema: CustomSchema;
  value: unknown;
  old: unknown;
  path: string;
}

function checkValue(place: Place, check: Check): void {
  const { schema, value } = place;
  if (value === undefined || value === null || check.causes.length >= maxCauses) return;
  const rules = check.compiled.get(schema);
  if (rules) checkRules(rules, place, check);
  if (Array.isArray(value)) checkItems(place, value, check);
  else if (typeof value === 'object') checkMembers(place, value as Record<string, unknown>, check);
}

function checkMembers({ schema, old, path }: Place, value: Record<string, unknown>, check: Check): void {
  const before = (typeof old === 'object' && old !== null ? old : {}) as Record<string, unknown>;
  for (const [name, member] of Object.entries(value)) {
    const { properties = {} } = schema;
    const known = Object.hasOwn(properties, name) ? properties[name] : undefined;
    const inner =
      known ?? (typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined);
    if (!inner) continue;
    const at = known ? (path === '' ? name : `${path}.${name}`) : `${path}[${name}]`;
    checkValue({ schema: inner, value: member, old: before[name], path: at }, check);
  }
}

function checkItems({ schema, old, path }: Place, items: unknown[], check: Check): void {
  const { items: itemSchema } = schema;
  if (!itemSchema) return;
  const keys = schema['x-kubernetes-list-type'] === 'map' ? schema['x-kubernetes-list-map-keys'] : undefined;
  const before = new Map<string, unknown>();
  if (keys && Array.isArray(old)) for (const item of old) before.set(mapKey(item, keys), item);
  for (const [index, value] of items.entries()) {
    const previous = keys ? before.get(mapKey(value, keys)) : undefined;
    checkValue({ schema: itemSchema, value, old: previous, path: `${path}[${index}]` }, check);
  }
}

/** Tells the items of a map list apart. */
export function mapKey(item: unknown, keys: readonly string[]): string {
  const object = (item ?? {}) as Record<string, unknown>;
  return JSON.stringify(keys.map((key) => object[key] ?? null));
}

function checkRules(rules: readonly CompiledRule[], { schema, value, old, path }: Place, check: Check): void {
  const self = celValue(schema, value);
  const oldSelf = old === undefined || old === null ? undefined : celValue(schema, old);
  const size = sizeOf([value, old]);
  for (const rule of rules) {
    if (rule.program.usesOldSelf && oldSelf === undefined && rule.optionalOldSelf !== true) continue;
    check.cost += rule.program.costOf(size);
    const variables = oldSelf === undefined ? { self } : { self, oldSelf };
    const message =
      check.cost > maxCost
        ? `rule ${JSON.stringify(rule.rule)} would take too long on an object of this size`
        : failureOf(rule, variables);
    if (message === undefined) continue;
    check.causes.push({ field: fieldOf(rule, path), message, reason: reasonOf(rule) });
    if (check.cost > maxCost) return;
  }
}

/** What to tell the user; undefined when the rule holds. */
function failureOf(rule: CompiledRule, variables: { self: unknown; oldSelf?: unknown }): string | undefined {
  try {
    if (rule.program.run(variables) === true) return undefined;
  } catch (error) {
    return `rule ${JSON.stringify(rule.rule)} has no value: ${firstLine(error)}`;
  }
  return messageOf(rule, variables) ?? rule.message ?? `failed rule: ${rule.rule}`;
}

/** A message that cannot be made must not hide the failure it is about. */
function messageOf(
  { messageProgram }: CompiledRule,
  variables: { self: unknown; oldSelf?: unknown },
): string | undefined {
  try {
    const message = messageProgram?.run(variables);
    return typeof message === 'string' && message.trim() !== '' ? message : undefined;
  } catch {
    return undefined;
  }
}

function fieldOf({ fieldPath = '' }: ValidationRule, path: string): string {
  const names = parseJsonPath(fieldPath)?.plainNames ?? [];
  return [path, ...names].filter((part) => part !== '').join('.');
}

function reasonOf({ reason }: ValidationRule): Cause['reason'] {
  return reasons.find((known) => known === reason) ?? 'FieldValueInvalid';
}

function sizeOf(root: unknown): ValueSize {
  const size = { members: 0, text: 0 };
  const pending = [root];
  while (pending.length > 0) {
    const value = pending.pop();
    if (typeof value === 'string') size.text = Math.max(size.text, value.length);
    if (typeof value !== 'object' || value === null) continue;
    const members = Object.values(value);
    size.members = Math.max(size.members, members.length);
    for (const member of members) pending.push(member);
  }
  return size;
}
