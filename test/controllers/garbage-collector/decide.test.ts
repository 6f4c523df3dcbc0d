import { describe, expect, test } from 'vitest';
import type { KubeObject, OwnerReference } from '../../../api/meta/object-meta.ts';
import {
  decideChild,
  decideOwner,
  foregroundFinalizer,
  heldBy,
  type OwnerState,
  orphanFinalizer,
  withoutFinalizer,
  withoutOwner,
} from '../../../controllers/garbage-collector/decide.ts';

function object(metadata: Partial<KubeObject['metadata']>): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'it', ...metadata } };
}

const owner = (uid: string, blockOwnerDeletion = true): OwnerReference => {
  return { apiVersion: 'gantry.dev/v1', kind: 'Job', name: uid, uid, blockOwnerDeletion };
};

describe('a child', () => {
  test.each<[OwnerState[], 'keep' | 'delete']>([
    [[], 'keep'],
    [['present'], 'keep'],
    [['absent'], 'delete'],
    [['unknown'], 'keep'],
    [['absent', 'present'], 'keep'],
    [['absent', 'unknown'], 'keep'],
    [['absent', 'absent'], 'delete'],
  ])('whose owners are %j: %s', (states, verdict) => {
    const ownerReferences = states.map((_, index) => owner(String(index)));
    const { type } = decideChild(object({ ownerReferences }), ({ uid }) => states[Number(uid)] ?? 'unknown');
    expect(type).toBe(verdict);
  });

  test('that is going already is left alone', () => {
    const child = object({ ownerReferences: [owner('a')], deletionTimestamp: '2030-01-01T00:00:00Z' });
    expect(decideChild(child, () => 'absent').type).toBe('keep');
  });

  test('forgets one owner and keeps the others', () => {
    const child = object({ ownerReferences: [owner('a'), owner('b')] });
    expect(withoutOwner(child, 'a').metadata.ownerReferences).toEqual([owner('b')]);
    expect(withoutOwner(withoutOwner(child, 'a'), 'b').metadata).not.toHaveProperty('ownerReferences');
  });
});

describe('an owner', () => {
  const going = { deletionTimestamp: '2030-01-01T00:00:00Z' };

  test('is held by a finalizer only while it is going', () => {
    expect(heldBy(object({ finalizers: [foregroundFinalizer] }))).toBeUndefined();
    expect(heldBy(object({ finalizers: ['other', orphanFinalizer], ...going }))).toBe(orphanFinalizer);
    expect(heldBy(object({ finalizers: ['other'], ...going }))).toBeUndefined();
  });

  test('in the foreground deletes its dependents, waits for those that block, then goes', () => {
    const child = object({ ownerReferences: [owner('a')] });
    const goingChild = object({ ownerReferences: [owner('a')], ...going });
    const loose = object({ ownerReferences: [owner('a', false)], ...going });
    expect(decideOwner(foregroundFinalizer, [child, goingChild], 'a')).toEqual({
      type: 'deleteDependents',
      dependents: [child],
    });
    expect(decideOwner(foregroundFinalizer, [goingChild], 'a').type).toBe('keep');
    expect(decideOwner(foregroundFinalizer, [loose], 'a').type).toBe('release');
    expect(decideOwner(foregroundFinalizer, [], 'a').type).toBe('release');
  });

  test('that orphans lets every dependent forget it before it goes', () => {
    const child = object({ ownerReferences: [owner('a')] });
    expect(decideOwner(orphanFinalizer, [child], 'a').type).toBe('orphanDependents');
    expect(decideOwner(orphanFinalizer, [], 'a').type).toBe('release');
  });

  test('loses one finalizer and keeps the others', () => {
    const both = object({ finalizers: [orphanFinalizer, 'other'] });
    expect(withoutFinalizer(both, orphanFinalizer).metadata.finalizers).toEqual(['other']);
  });
});
