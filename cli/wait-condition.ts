/** `wait --for=…`: what is waited for, and whether an object satisfies it. Pure. */
import type { Condition } from '../api/meta/conditions.ts';
import type { AnyObject } from '../api/meta/object-meta.ts';
import { UsageError } from './failure.ts';
import { evaluate, valueText } from './jsonpath.ts';
import { parsePath } from './jsonpath-parser.ts';

export interface WaitCondition {
  /** For messages: `condition Ready`. */
  text: string;
  /** How its coming true is told: `condition met`, `deleted`, `created`. */
  met: string;
  /** Whether the object may be absent at first. */
  mayBeAbsent: boolean;
  holds: (object: AnyObject | undefined) => boolean;
}

/** The first of several to hold is enough. Throws UsageError. */
export function parseWaitConditions(texts: readonly string[]): WaitCondition {
  const conditions = texts.map(parseWaitCondition);
  const [first] = conditions;
  if (first === undefined)
    throw new UsageError(
      "say what for: --for=condition=Ready, --for=delete, --for=jsonpath='{.status.phase}'=Running",
    );
  if (conditions.length === 1) return first;
  return {
    text: conditions.map(({ text }) => text).join(' or '),
    met: 'condition met',
    mayBeAbsent: conditions.some(({ mayBeAbsent }) => mayBeAbsent),
    holds: (object) => conditions.some(({ holds }) => holds(object)),
  };
}

/** Throws UsageError for anything but delete, create, condition=… and jsonpath=…. */
export function parseWaitCondition(text: string): WaitCondition {
  if (text === 'delete')
    return { text: 'deletion', met: 'deleted', mayBeAbsent: true, holds: (object) => object === undefined };
  if (text === 'create')
    return { text: 'creation', met: 'created', mayBeAbsent: true, holds: (object) => object !== undefined };
  const [, type, rest] = /^(condition|jsonpath)=(.+)$/s.exec(text) ?? [];
  if (type === 'condition') return conditionHolds(rest ?? '');
  if (type === 'jsonpath') return jsonPathHolds(rest ?? '');
  throw new UsageError(
    `--for: want delete, create, condition=NAME[=VALUE] or jsonpath='{PATH}'[=VALUE], not ${JSON.stringify(text)}`,
  );
}

function conditionHolds(text: string): WaitCondition {
  const equals = text.indexOf('=');
  const name = (equals < 0 ? text : text.slice(0, equals)).toLowerCase();
  const value = (equals < 0 ? 'true' : text.slice(equals + 1)).toLowerCase();
  return {
    text: `condition ${text}`,
    met: 'condition met',
    mayBeAbsent: false,
    holds: (object) => {
      const conditions = (object?.status?.['conditions'] ?? []) as Condition[];
      const found = conditions.find(({ type }) => type.toLowerCase() === name);
      return found?.status.toLowerCase() === value && isCurrent(found, object);
    },
  };
}

/** A condition derived from an older spec says nothing about this one. */
function isCurrent({ observedGeneration }: Condition, object: AnyObject | undefined): boolean {
  const { generation } = object?.metadata ?? {};
  return observedGeneration === undefined || generation === undefined || observedGeneration >= generation;
}

function jsonPathHolds(text: string): WaitCondition {
  const [, braced, bracedValue] = /^(\{.*\})(?:=(.*))?$/s.exec(text) ?? [];
  const equals = text.indexOf('=');
  const bare = equals < 0 ? text : text.slice(0, equals);
  const path = parsePath(braced ?? bare);
  const value = braced === undefined ? (equals < 0 ? undefined : text.slice(equals + 1)) : bracedValue;
  const wanted = value === undefined ? undefined : unquoted(value);
  return {
    text: `jsonpath ${text}`,
    met: 'condition met',
    mayBeAbsent: false,
    holds: (object) => {
      const values = object === undefined ? [] : evaluate(path, object);
      return wanted === undefined ? values.length > 0 : values.some((found) => valueText(found) === wanted);
    },
  };
}

function unquoted(text: string): string {
  return /^(["']).*\1$/s.test(text) ? text.slice(1, -1) : text;
}
