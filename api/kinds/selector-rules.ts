/** Rules of label selectors inside specs, and of the lists of label keys that are added to them. */
import type { Cause } from '../meta/api-error.ts';
import type { LabelSelector } from '../meta/label-selector.ts';
import { labelValueError, qualifiedNameError } from '../meta/names.ts';

export function validateSelector(selector: LabelSelector | undefined, path: string): Cause[] {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {};
  return [
    ...Object.entries(matchLabels).flatMap(([key, value]) =>
      problemAt(`${path}.matchLabels[${key}]`, qualifiedNameError(key) ?? labelValueError(value)),
    ),
    ...matchExpressions.flatMap(({ key, operator, values = [] }, index) => {
      const field = `${path}.matchExpressions[${index}]`;
      const isList = operator === 'In' || operator === 'NotIn';
      return [
        ...problemAt(`${field}.key`, qualifiedNameError(key)),
        ...problemAt(
          `${field}.values`,
          isList && values.length === 0 ? 'must be specified when operator is In or NotIn' : undefined,
        ),
        ...problemAt(
          `${field}.values`,
          !isList && values.length > 0
            ? 'may not be specified when operator is Exists or DoesNotExist'
            : undefined,
        ),
      ];
    }),
  ];
}

/** `matchLabelKeys` and the like: labels by name, none of them already in the selector they add to. */
export function labelKeyClashes(
  keys: readonly string[],
  selector: LabelSelector | undefined,
  path: string,
): Cause[] {
  if (keys.length === 0) return [];
  if (!selector) return [{ field: path, message: 'may not be set without labelSelector' }];
  const taken = new Set([
    ...Object.keys(selector.matchLabels ?? {}),
    ...(selector.matchExpressions ?? []).map(({ key }) => key),
  ]);
  return keys.flatMap((key, index) =>
    problemAt(
      `${path}[${index}]`,
      qualifiedNameError(key) ?? (taken.has(key) ? 'is already in labelSelector' : undefined),
    ),
  );
}

function problemAt(field: string, message: string | undefined): Cause[] {
  return message === undefined ? [] : [{ field, message }];
}
