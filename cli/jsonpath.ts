/** Evaluates kubectl's JSONPath dialect: `-o jsonpath`, `--sort-by`, `wait --for=jsonpath`, custom columns. */
import {
  type Operand,
  type Operator,
  type Part,
  type Path,
  parseTemplate,
  type Step,
} from './jsonpath-parser.ts';

/** The text of a template over one object. */
export function renderTemplate(template: string, object: unknown): string {
  return renderParts(parseTemplate(template), object, object);
}

function renderParts(parts: readonly Part[], current: unknown, root: unknown): string {
  return parts.map((part) => renderPart(part, current, root)).join('');
}

function renderPart(part: Part, current: unknown, root: unknown): string {
  if (part.type === 'text') return part.text;
  if (part.type === 'path') return evaluate(part, current, root).map(valueText).join(' ');
  return evaluate(part.path, current, root)
    .map((item) => renderParts(part.body, item, root))
    .join('');
}

/** Strings as they are, everything else as JSON. */
export function valueText(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === undefined || value === null ? '' : JSON.stringify(value);
}

/** All values a path leads to, in order; missing fields lead nowhere. */
export function evaluate(path: Path, current: unknown, root: unknown = current): unknown[] {
  return path.steps.reduce<unknown[]>(
    (values, step) => values.flatMap((value) => take(step, value, root)),
    [path.root ? root : current],
  );
}

function take(step: Step, value: unknown, root: unknown): unknown[] {
  switch (step.type) {
    case 'field':
      return step.names.flatMap((name) => property(value, name));
    case 'every':
      return children(value);
    case 'descendants':
      return descendants(value);
    case 'index':
      return step.indexes.flatMap((index) => elements(value).slice(index, index + 1 || undefined));
    case 'slice':
      return elements(value)
        .slice(step.from, step.to)
        .filter((_, index) => index % step.step === 0);
    case 'filter':
      return children(value).filter((item) => holds(step, item, root));
  }
}

function property(value: unknown, name: string): unknown[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name))
    return [];
  return [(value as Record<string, unknown>)[name]];
}

function elements(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function children(value: unknown): unknown[] {
  return typeof value === 'object' && value !== null ? Object.values(value) : [];
}

function descendants(value: unknown): unknown[] {
  return [value, ...children(value).flatMap(descendants)];
}

function holds(
  { left, operator, right }: Extract<Step, { type: 'filter' }>,
  item: unknown,
  root: unknown,
): boolean {
  const leftValues = operandValues(left, item, root);
  if (operator === 'exists' || right === undefined) return leftValues.length > 0;
  const rightValues = operandValues(right, item, root);
  return leftValues.some((a) => rightValues.some((b) => compares(a, operator, b)));
}

function operandValues(operand: Operand, item: unknown, root: unknown): unknown[] {
  return operand.type === 'literal' ? [operand.value] : evaluate(operand, item, root);
}

function compares(left: unknown, operator: Operator, right: unknown): boolean {
  switch (operator) {
    case '==':
      return left === right;
    case '!=':
      return left !== right;
    case '<':
      return order(left, right) < 0;
    case '>':
      return order(left, right) > 0;
    case '<=':
      return order(left, right) <= 0;
    case '>=':
      return order(left, right) >= 0;
  }
}

/** Numbers by size, everything else as text with numbers in it by size; absent values first. NaN when the types differ. */
export function order(left: unknown, right: unknown): number {
  if (left === undefined || right === undefined)
    return Number(left !== undefined) - Number(right !== undefined);
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  if (typeof left !== typeof right) return Number.NaN;
  return valueText(left).localeCompare(valueText(right), 'en', { numeric: true });
}
