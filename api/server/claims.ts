/**
 * Claims: keys of the store that exist exactly as long as the one object that holds them (an address of the
 * service range). They are put and deleted in the transactions that write the object, under the comparison
 * that nobody else has them: no two objects ever hold the same.
 */
import type { AnyKind, Claim } from '../kinds/define-kind.ts';
import { ApiError } from '../meta/api-error.ts';
import { type AnyObject, keyOf } from '../meta/object-meta.ts';
import type { Compare, KeyValue, Operation } from '../store/store.ts';
import type { CachedObject } from './cached-object.ts';
import { invalidError } from './field-errors.ts';
import { claimKey, storeKey } from './keys.ts';

export interface ClaimChange {
  compares: Compare[];
  operations: Operation[];
  /** Those `compares` are about, in their order. */
  taken: Claim[];
}

/** What turns the claims of `old` into those of `next`. */
export function claimChange(
  kind: AnyKind,
  old: CachedObject | undefined,
  next: AnyObject | undefined,
): ClaimChange {
  const { claims } = kind.strategy;
  if (!claims) return { compares: [], operations: [], taken: [] };
  const [before, after] = [old?.parse(), next].map((object) => (object ? claims(object) : []));
  const missingIn = (others: readonly Claim[] = [], from: readonly Claim[] = []): Claim[] =>
    from.filter(({ key }) => !others.some((other) => other.key === key));
  const taken = missingIn(before, after);
  const holder = Buffer.from(JSON.stringify(next ? storeKey(kind, keyOf(next)) : ''));
  return {
    taken,
    compares: taken.map(({ key }) => ({ key: claimKey(key), modRevision: 0 })),
    operations: [
      ...taken.map(({ key }): Operation => ({ type: 'put', key: claimKey(key), value: holder })),
      ...missingIn(after, before).map(({ key }): Operation => ({ type: 'delete', key: claimKey(key) })),
    ],
  };
}

/** Throws ApiError Invalid when somebody else has one of them. `current` is what the comparisons found. */
export function refuseTaken(
  kind: AnyKind,
  name: string,
  { taken }: ClaimChange,
  current: readonly (KeyValue | undefined)[],
): void {
  const causes = taken.flatMap(({ field, key }, index) =>
    current[index]
      ? [
          {
            field,
            message: `${key.slice(key.indexOf('/') + 1)} is already allocated`,
            reason: 'FieldValueDuplicate' as const,
          },
        ]
      : [],
  );
  if (causes.length > 0) throw invalidError(kind, name, causes);
}

/** Whether the write lost against another object that took the same meanwhile. */
export function isTakenClaim(error: unknown): boolean {
  return (
    error instanceof ApiError &&
    error.reason === 'Invalid' &&
    (error.details.causes ?? []).some(({ reason }) => reason === 'FieldValueDuplicate')
  );
}
