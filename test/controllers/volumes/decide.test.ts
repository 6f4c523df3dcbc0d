/** What becomes of claims and volumes: phases, protection, reclaim. */
import { describe, expect, it } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim } from '../../../api/kinds/resources.ts';
import { affinityTo } from '../../../api/kinds/volume-names.ts';
import { type ClaimFacts, decideClaim, decideVolume } from '../../../controllers/volumes/decide.ts';

const protection = ['kubernetes.io/pvc-protection'];

function claimOf(
  spec: Partial<PersistentVolumeClaim['spec']> = {},
  { metadata = {}, phase = 'Pending' }: { metadata?: object; phase?: 'Pending' | 'Bound' | 'Lost' } = {},
): PersistentVolumeClaim {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { namespace: 'default', name: 'data', uid: 'u1', finalizers: protection, ...metadata },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '1Gi' } },
      storageClassName: 'local',
      volumeMode: 'Filesystem',
      ...spec,
    },
    status: { phase },
  };
}

function volumeOf(
  spec: Partial<PersistentVolume['spec']> = {},
  { metadata = {}, phase = 'Pending' as PersistentVolume['status']['phase'] } = {},
): PersistentVolume {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'v1', ...metadata },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      local: { path: '/data' },
      nodeAffinity: affinityTo('n1'),
      persistentVolumeReclaimPolicy: 'Delete',
      storageClassName: 'local',
      volumeMode: 'Filesystem',
      ...spec,
    },
    status: { phase },
  };
}

const nothing: ClaimFacts = { volume: undefined, reserved: [], isUsed: false, waitsForConsumer: true };
const claimRef = { namespace: 'default', name: 'data', uid: 'u1' };
const doings = (actions: readonly { do: string }[]): string[] => actions.map((action) => action.do);

describe('a claim', () => {
  it('says that it waits for its first task', () => {
    expect(decideClaim(claimOf(), nothing)).toMatchObject([{ do: 'tell', reason: 'WaitForFirstConsumer' }]);
    expect(decideClaim(claimOf(), { ...nothing, waitsForConsumer: false })).toMatchObject([
      { do: 'tell', reason: 'FailedBinding' },
    ]);
  });

  it('is Bound with a volume that is its own, and says how large that is', () => {
    const volume = volumeOf({ claimRef });
    const { accessModes, capacity } = volume.spec;
    const status: PersistentVolumeClaim['status'] = { phase: 'Bound', accessModes, capacity };
    const settled = { ...claimOf({ volumeName: 'v1' }), status };
    const [first, event] = decideClaim(claimOf({ volumeName: 'v1' }), { ...nothing, volume });
    expect(first).toEqual({ do: 'setStatus', status });
    expect(event).toMatchObject({ do: 'tell', reason: 'Bound' });
    expect(decideClaim(settled, { ...nothing, volume })).toEqual([]);
  });

  it('that lost its volume is Lost', () => {
    expect(decideClaim(claimOf({ volumeName: 'v1' }, { phase: 'Bound' }), nothing)).toMatchObject([
      { do: 'setStatus', status: { phase: 'Lost' } },
      { do: 'tell', reason: 'ClaimLost' },
    ]);
  });

  it('gets the free volume it names, and no other', () => {
    const named = claimOf({ volumeName: 'v1' });
    expect(doings(decideClaim(named, { ...nothing, volume: volumeOf() }))).toEqual(['bind']);
    for (const taken of [
      volumeOf({ claimRef: { ...claimRef, uid: 'another' } }),
      volumeOf({ storageClassName: 'other' }),
      volumeOf({ accessModes: ['ReadWriteOncePod'] }),
      volumeOf({}, { metadata: { deletionTimestamp: '2030-01-01T00:00:00Z' } }),
    ])
      expect(decideClaim(named, { ...nothing, volume: taken })).toEqual([]);
  });

  it('gets a volume that is kept for its name', () => {
    const reserved = [volumeOf({ claimRef: { namespace: 'default', name: 'data' } })];
    expect(doings(decideClaim(claimOf(), { ...nothing, reserved }))).toEqual(['bind']);
  });

  it('that is being deleted goes when no task uses it', () => {
    const deleted = claimOf({}, { metadata: { deletionTimestamp: '2030-01-01T00:00:00Z' } });
    expect(decideClaim(deleted, { ...nothing, isUsed: true })).toEqual([]);
    expect(doings(decideClaim(deleted, nothing))).toEqual(['release']);
  });
});

describe('a volume', () => {
  const there = { hasClaim: true, hasNode: true };
  const gone = { hasClaim: false, hasNode: true };
  const deleted = (finalizers: string[]) => ({
    metadata: { deletionTimestamp: '2030-01-01T00:00:00Z', finalizers },
  });

  it.each([
    ['Available', {}, there],
    ['Available', { claimRef: { namespace: 'default', name: 'data' } }, there],
    ['Bound', { claimRef }, there],
    ['Released', { claimRef }, gone],
  ] as const)('is %s with %o', (phase, spec, facts) => {
    expect(decideVolume(volumeOf(spec), facts)).toEqual([{ do: 'setPhase', phase }]);
  });

  it('whose claim is gone is deleted, or kept', () => {
    const released = { phase: 'Released' as const };
    expect(doings(decideVolume(volumeOf({ claimRef }, released), gone))).toEqual(['delete']);
    const kept = volumeOf({ claimRef, persistentVolumeReclaimPolicy: 'Retain' }, released);
    expect(decideVolume(kept, gone)).toEqual([]);
  });

  it('that is being deleted waits for its claim, then for its node, if that is there', () => {
    const both = ['kubernetes.io/pv-protection', 'gantry.dev/local-volume'];
    const bound = volumeOf({ claimRef }, { phase: 'Bound', ...deleted(both) });
    expect(decideVolume(bound, there)).toEqual([]);
    expect(decideVolume(bound, gone)).toEqual([{ do: 'drop', finalizer: both[0] }]);
    const left = volumeOf({ claimRef }, { phase: 'Released', ...deleted(both.slice(1)) });
    expect(decideVolume(left, gone)).toEqual([]);
    expect(decideVolume(left, { hasClaim: false, hasNode: false })).toEqual([
      { do: 'drop', finalizer: both[1] },
    ]);
  });
});
