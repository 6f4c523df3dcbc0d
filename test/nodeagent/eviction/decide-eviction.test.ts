import { describe, expect, it } from 'vitest';
import {
  type Candidate,
  decideEviction,
  type EvictionView,
  noMemory,
  rank,
} from '../../../nodeagent/eviction/decide-eviction.ts';
import { parseThresholds } from '../../../nodeagent/eviction/thresholds.ts';

const mebibyte = 1024 ** 2;
const nothing = { hard: '', soft: '', softGrace: '', minimumReclaim: '' };

function candidate(uid: string, changes: Partial<Candidate> = {}): Candidate {
  const unused = { requestedMemoryBytes: 0, memoryBytes: 0, requestedDiskBytes: 0, diskBytes: 0 };
  return { uid, priority: 100_000, ...unused, inodes: 0, processes: 0, ...changes };
}

function view(changes: Partial<EvictionView> = {}): EvictionView {
  return {
    observations: { 'memory.available': { available: 50 * mebibyte, capacity: 1000 * mebibyte } },
    thresholds: parseThresholds({ ...nothing, hard: 'memory.available<100Mi' }),
    tasks: [candidate('a')],
    isEnding: false,
    isDiskReclaimed: false,
    transitionMs: 300_000,
    nowMs: 1000,
    ...changes,
  };
}

const free = (mebibytes: number) => ({
  'memory.available': { available: mebibytes * mebibyte, capacity: 1000 * mebibyte },
});

describe('who goes first', () => {
  const memory = (used: number, requested: number, priority = 100_000): Partial<Candidate> => ({
    ...{ priority, memoryBytes: used * mebibyte, requestedMemoryBytes: requested * mebibyte },
  });
  it.each<[string, Record<string, Partial<Candidate>>, string]>([
    [
      'the lower band, however little it uses',
      { prod: memory(900, 0, 200_000), best: memory(1, 100, 5), batch: memory(500, 0) },
      'best batch prod',
    ],
    ['monitoring last', { mon: memory(9, 0, 300_000), prod: memory(1, 2, 200_000) }, 'prod mon'],
    ['in a band, who is over its request', { over: memory(20, 10), under: memory(500, 600) }, 'over under'],
    [
      'of those, the lower priority',
      { high: memory(900, 0, 150_000), low: memory(20, 10, 100_000) },
      'low high',
    ],
    ['then who is furthest over', { some: memory(30, 10), more: memory(400, 300) }, 'more some'],
    ['equals by their uid', { b: memory(1, 0), a: memory(1, 0) }, 'a b'],
  ])('%s', (_rule, tasks, order) => {
    const all = Object.entries(tasks).map(([uid, changes]) => candidate(uid, changes));
    expect(
      rank(all, 'memory.available')
        .map(({ uid }) => uid)
        .join(' '),
    ).toBe(order);
  });

  it('by disk, files and processes for the signals of these', () => {
    const tasks = [
      candidate('disk', { diskBytes: 9, inodes: 1, processes: 1 }),
      candidate('files', { diskBytes: 1, inodes: 9, processes: 2 }),
      candidate('forks', { processes: 9 }),
    ];
    expect(rank(tasks, 'nodefs.available')[0]?.uid).toBe('disk');
    expect(rank(tasks, 'nodefs.inodesFree')[0]?.uid).toBe('files');
    expect(rank(tasks, 'pid.available')[0]?.uid).toBe('forks');
  });
});

describe('an eviction', () => {
  it('by a hard threshold has no grace, and says what was short', () => {
    const tasks = [candidate('a', { memoryBytes: 64 * mebibyte, requestedMemoryBytes: 32 * mebibyte })];
    const { evict, pressures } = decideEviction(view({ tasks }), noMemory);
    expect(evict).toEqual({
      uid: 'a',
      graceSeconds: 0,
      message:
        'the node was low on memory.available: 50Mi is left, less than 100Mi; the task used 64Mi and had requested 32Mi',
    });
    expect([...pressures.keys()]).toEqual(['MemoryPressure']);
  });

  it('waits for the end of the one before', () => {
    expect(decideEviction(view({ isEnding: true }), noMemory).evict).toBeUndefined();
  });

  it('by a soft threshold comes after its grace, and leaves the task its own', () => {
    const thresholds = parseThresholds({
      ...{ ...nothing, soft: 'memory.available<20%', softGrace: 'memory.available=1m30s' },
    });
    const first = decideEviction(view({ thresholds }), noMemory);
    expect(first.evict).toBeUndefined();
    expect(first.pressures.size).toBe(0);
    const later = decideEviction(view({ thresholds, nowMs: 91_000 }), first.memory);
    expect(later.evict).toMatchObject({ uid: 'a', graceSeconds: undefined });
    const past = decideEviction(view({ thresholds, observations: free(900), nowMs: 92_000 }), later.memory);
    const again = decideEviction(view({ thresholds, nowMs: 93_000 }), past.memory);
    expect(again.evict).toBeUndefined();
  });

  it('goes on until the minimum is reclaimed', () => {
    const thresholds = parseThresholds({
      ...{ ...nothing, hard: 'memory.available<100Mi', minimumReclaim: 'memory.available=50Mi' },
    });
    expect(decideEviction(view({ thresholds, observations: free(120) }), noMemory).evict).toBeUndefined();
    const { memory } = decideEviction(view({ thresholds }), noMemory);
    expect(decideEviction(view({ thresholds, observations: free(120) }), memory).evict).toBeDefined();
    expect(decideEviction(view({ thresholds, observations: free(150) }), memory).evict).toBeUndefined();
  });

  it('for want of disk comes only after what nobody needs was removed', () => {
    const thresholds = parseThresholds({ ...nothing, hard: 'nodefs.available<10%' });
    const observations = { 'nodefs.available': { available: 5, capacity: 100 } };
    const disk = { thresholds, observations };
    expect(decideEviction(view(disk), noMemory)).toMatchObject({ reclaimDisk: true });
    expect(decideEviction(view(disk), noMemory).evict).toBeUndefined();
    const { reclaimDisk, evict } = decideEviction(view({ ...disk, isDiskReclaimed: true }), noMemory);
    expect(reclaimDisk).toBe(false);
    expect(evict?.message).toMatch(/low on nodefs\.available: .* less than 10%/);
  });

  it('for want of memory does not wait for the disk', () => {
    const thresholds = parseThresholds({ ...nothing, hard: 'memory.available<100Mi,nodefs.available<10%' });
    const observations = { ...free(50), 'nodefs.available': { available: 5, capacity: 100 } };
    const decision = decideEviction(view({ thresholds, observations }), noMemory);
    expect(decision).toMatchObject({ reclaimDisk: true, evict: { uid: 'a' } });
  });
});

describe('a pressure', () => {
  it('is told for a while after it was last seen', () => {
    const { memory } = decideEviction(view(), noMemory);
    const past = { observations: free(900) };
    expect(decideEviction(view({ ...past, nowMs: 200_000 }), memory).pressures.size).toBe(1);
    expect(decideEviction(view({ ...past, nowMs: 302_000 }), memory).pressures.size).toBe(0);
  });
});

describe('thresholds', () => {
  it.each([
    ['no signal of ours', { hard: 'cpu.available<5%' }, /eviction-hard: "cpu\.available<5%"/],
    ['no amount', { hard: 'memory.available<much' }, /eviction-hard/],
    ['a soft one without grace', { soft: 'memory.available<1Gi' }, /eviction-soft-grace-period must say/],
    ['a grace that is no time', { softGrace: 'memory.available=soon' }, /eviction-soft-grace-period/],
  ])('with %s are refused', (_what, flags, message) => {
    expect(() => parseThresholds({ ...nothing, ...flags })).toThrow(message);
  });
});
