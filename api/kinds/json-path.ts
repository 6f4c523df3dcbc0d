/**
 * The JSONPath of custom kinds: where printer columns, the scale subresource and selectable fields find
 * their values. `.spec.replicas`, `.metadata.labels['a.b/c']`, `.spec.hosts[0]`, `.spec.rules[*].name`,
 * `.status.conditions[?(@.type=="Ready")].status`; nothing that computes.
 */
type Step =
  | { type: 'field'; name: string }
  | { type: 'index'; index: number }
  | { type: 'every' }
  | { type: 'filter'; path: readonly string[]; equal: boolean; value: string };

export interface JsonPath {
  /** All values there; none where the path leads nowhere. */
  valuesIn(object: unknown): unknown[];
  /** The names of a path of nothing but fields; undefined for any other. */
  readonly plainNames: readonly string[] | undefined;
}

const steps: readonly [RegExp, (match: RegExpExecArray) => Step][] = [
  [
    /\.((?:[^.[\]\\'"*\s]|\\.)+)/y,
    ([, name = '']) => ({ type: 'field', name: name.replaceAll(/\\(.)/g, '$1') }),
  ],
  [/\[(?:'([^']*)'|"([^"]*)")\]/y, ([, single, double]) => ({ type: 'field', name: single ?? double ?? '' })],
  [/\[(-?\d+)\]/y, ([, index]) => ({ type: 'index', index: Number(index) })],
  [/\[\*\]|\.\*/y, () => ({ type: 'every' })],
  [
    /\[\?\(\s*@((?:\.[\w-]+)+)\s*(==|!=)\s*(?:'([^']*)'|"([^"]*)"|([\w.-]+))\s*\)\]/y,
    ([, path = '', operator, single, double, bare]) => ({
      type: 'filter',
      path: path.slice(1).split('.'),
      equal: operator === '==',
      value: single ?? double ?? bare ?? '',
    }),
  ],
];

/** Undefined when the text is no such path. Braces around it are allowed, as kubectl writes it. */
export function parseJsonPath(text: string): JsonPath | undefined {
  const path = /^\{(.*)\}$/s.exec(text)?.[1] ?? text;
  const parsed: Step[] = [];
  for (let at = 0; at < path.length; ) {
    const found = stepAt(path, at);
    if (!found) return undefined;
    parsed.push(found.step);
    at = found.end;
  }
  if (parsed.length === 0) return undefined;
  const names = parsed.flatMap((step) => (step.type === 'field' ? [step.name] : []));
  return {
    valuesIn: (object) =>
      parsed.reduce<unknown[]>((values, step) => values.flatMap((value) => take(step, value)), [object]),
    plainNames: names.length === parsed.length ? names : undefined,
  };
}

function stepAt(path: string, at: number): { step: Step; end: number } | undefined {
  for (const [pattern, stepOf] of steps) {
    pattern.lastIndex = at;
    const match = pattern.exec(path);
    if (match) return { step: stepOf(match), end: at + match[0].length };
  }
  return undefined;
}

function take(step: Step, value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  switch (step.type) {
    case 'field':
      return Object.hasOwn(value, step.name) ? [(value as Record<string, unknown>)[step.name]] : [];
    case 'index':
      return Array.isArray(value) && value.at(step.index) !== undefined ? [value.at(step.index)] : [];
    case 'every':
      return Object.values(value);
    case 'filter':
      return Object.values(value).filter((item) => (textAt(item, step.path) === step.value) === step.equal);
  }
}

function textAt(item: unknown, path: readonly string[]): string | undefined {
  let value = item;
  for (const name of path) [value] = take({ type: 'field', name }, value);
  return value === undefined ? undefined : String(value);
}
