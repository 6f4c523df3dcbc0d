import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Lease, Task } from '../../../api/kinds/resources.ts';
import { decideNodes, type Memory } from '../../../controllers/node-lifecycle/decide.ts';
import { defaultRates, zoneStateOf } from '../../../controllers/node-lifecycle/zones.ts';
import { Fleet } from './fleet.ts';

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `n${index}`);
const oneZone = (count: number): Fleet =>
  new Fleet(Object.fromEntries(names(count).map((name) => [name, ''])));

describe('one node of three falls silent', () => {
  test('it is marked after its lease duration, its task is given up a second later', () => {
    const fleet = oneZone(3);
    fleet.run(30);
    fleet.power(false, 'n1');
    fleet.run(30);
    // The last renewal was seen at 25 s.
    expect(fleet.journal).toEqual(['45s n1 unreachable', '46s task-n1 unknown, given up']);
  });

  test('it comes back: the taint goes, and its task is the agent’s to report', () => {
    const fleet = oneZone(3);
    fleet.run(30);
    fleet.power(false, 'n1');
    fleet.run(30);
    fleet.power(true, 'n1');
    fleet.run(30);
    expect(fleet.journal.slice(2)).toEqual(['60s n1 reachable']);
    expect(fleet.machine('n1').task?.status.phase).toBe('Running');
  });

  test('a node that is silent for less than its lease loses nothing, however often', () => {
    const fleet = oneZone(3);
    for (let round = 0; round < 20; round++) {
      fleet.power(false, 'n1');
      fleet.run(15);
      fleet.power(true, 'n1');
      fleet.run(5);
    }
    expect(fleet.journal).toEqual([]);
  });
});

describe('many nodes fall silent', () => {
  test('all of them: every node is marked, nothing is given up', () => {
    const fleet = oneZone(3);
    fleet.run(30);
    fleet.power(false, 'n0', 'n1', 'n2');
    fleet.run(600);
    expect(fleet.journal.filter((line) => line.includes('unreachable'))).toHaveLength(3);
    expect(fleet.givenUp).toEqual([]);
  });

  test('what was given up is taken back when the rest goes too', () => {
    const fleet = oneZone(3);
    fleet.run(30);
    fleet.power(false, 'n0');
    fleet.run(60);
    expect(fleet.givenUp).toEqual(['n0']);
    fleet.power(false, 'n1', 'n2');
    fleet.run(60);
    expect(fleet.givenUp).toEqual([]);
  });

  test('when the first node comes back, every other gets a whole new grace', () => {
    const fleet = oneZone(3);
    fleet.run(30);
    fleet.power(false, 'n0', 'n1', 'n2');
    fleet.run(300);
    fleet.power(true, 'n0');
    fleet.run(15);
    expect(fleet.givenUp).toEqual([]);
    fleet.power(true, 'n1', 'n2');
    fleet.run(120);
    expect(fleet.journal.some((line) => line.includes('given up'))).toBe(false);
    expect(fleet.journal.filter((line) => line.endsWith(' reachable'))).toHaveLength(3);
  });

  test('a node that stays away after all were down is given up after its new grace', () => {
    const fleet = oneZone(3);
    fleet.run(30);
    fleet.power(false, 'n0', 'n1', 'n2');
    fleet.run(300);
    fleet.power(true, 'n0', 'n1');
    fleet.run(60);
    expect(fleet.givenUp).toEqual(['n2']);
  });

  test('under 55 % they are given up one in ten seconds', () => {
    const fleet = oneZone(20);
    fleet.run(30);
    fleet.power(false, ...names(8));
    fleet.run(60);
    const times = fleet.journal
      .filter((line) => line.includes('given up'))
      .map((line) => Number.parseInt(line, 10));
    expect(times[0]).toBe(46);
    for (const [index, time] of times.entries()) {
      if (index > 0) expect(time - (times[index - 1] ?? 0)).toBeGreaterThanOrEqual(10);
    }
    fleet.run(60);
    expect(fleet.givenUp).toHaveLength(8);
  });

  test('from 55 % of a small zone nothing is given up any more', () => {
    const fleet = oneZone(10);
    fleet.run(30);
    fleet.power(false, ...names(6));
    fleet.run(600);
    expect(fleet.givenUp).toEqual([]);
  });

  test('from 55 % of a large zone they are given up one in a hundred seconds', () => {
    const fleet = oneZone(60);
    fleet.run(30);
    fleet.power(false, ...names(40));
    fleet.run(421);
    expect(fleet.givenUp.length).toBeGreaterThanOrEqual(3);
    expect(fleet.givenUp.length).toBeLessThanOrEqual(5);
  });

  test('a whole zone is given up at the normal rate while another lives', () => {
    const fleet = new Fleet({ a1: 'a', a2: 'a', b1: 'b', b2: 'b' });
    fleet.run(30);
    fleet.power(false, 'a1', 'a2');
    fleet.run(40);
    expect(fleet.givenUp).toEqual(['a1', 'a2']);
  });
});

describe('the controller itself was away', () => {
  test('frozen for a minute, it gives every node a whole lease before it judges', () => {
    const fleet = oneZone(3);
    fleet.run(30);
    fleet.nowMs += 60_000;
    fleet.look();
    expect(fleet.journal).toEqual([]);
    fleet.run(60);
    expect(fleet.journal).toEqual([]);
  });

  test('a new leader does not undo what is marked, nor give anything up before a whole lease', () => {
    const fleet = oneZone(3);
    fleet.run(30);
    fleet.power(false, 'n1');
    fleet.run(60);
    const done = fleet.journal.length;
    fleet.memory = undefined;
    fleet.run(60);
    expect(fleet.journal.slice(done)).toEqual([]);
    expect(fleet.givenUp).toEqual(['n1']);
  });
});

describe('a node object is deleted', () => {
  test('what ran there is fenced, what was over stays', () => {
    const fleet = oneZone(3);
    fleet.run(30);
    const task = fleet.removeNode('n1');
    if (!task) throw new Error('n1 had a task');
    fleet.run(1, [task]);
    expect(fleet.journal).toEqual(['30s fence n1']);
    fleet.run(1, [{ ...task, status: { phase: 'Succeeded' } }]);
    expect(fleet.journal).toHaveLength(1);
  });

  test('what may run at most once stays while the lease is renewed, and a whole lease after', () => {
    const task = {
      metadata: { name: 'once-0-0', uid: 'uid-once' },
      spec: { nodeName: 'n1', runPolicy: 'AtMostOnce' },
      status: { phase: 'Running' },
    } as unknown as Task;
    const fencedAt: number[] = [];
    let memory: Memory | undefined;
    for (let second = 0; second <= 120; second++) {
      // Renewed every 5 s, for the last time at 60 s.
      const renewTime = `${Math.min(60, Math.floor(second / 5) * 5)}`;
      const lease = { spec: { renewTime, leaseDurationSeconds: 20 } } as unknown as Lease;
      const view = {
        nodes: [],
        leases: new Map([['n1', lease]]),
        tasks: new Map([['n1', [task]]]),
        nowMs: second * 1000,
      };
      const decision = decideNodes(view, memory, defaultRates);
      memory = decision.memory;
      if (decision.actions.some(({ type }) => type === 'fence')) fencedAt.push(second);
    }
    expect(fencedAt[0]).toBe(80);
  });
});

test.each([
  [{ nodes: 3, down: 0 }, 'normal'],
  [{ nodes: 3, down: 2 }, 'normal'],
  [{ nodes: 3, down: 3 }, 'full'],
  [{ nodes: 1, down: 1 }, 'full'],
  [{ nodes: 4, down: 3 }, 'partial'],
  [{ nodes: 100, down: 54 }, 'normal'],
  [{ nodes: 100, down: 55 }, 'partial'],
])('a zone of %j is %s', (count, state) => {
  expect(zoneStateOf(count, defaultRates)).toBe(state);
});

test('whatever nodes do, no more are given up than the rate allows, and none while all are down', () => {
  const outage = fc.record({ node: fc.nat(5), isUp: fc.boolean(), seconds: fc.nat(40) });
  fc.assert(
    fc.property(fc.array(outage, { maxLength: 30 }), (outages) => {
      const fleet = oneZone(6);
      fleet.run(30);
      for (const { node, isUp, seconds } of outages) {
        fleet.power(isUp, `n${node}`);
        fleet.run(seconds);
        if (fleet.memory?.isAllDown) expect(fleet.givenUp).toEqual([]);
      }
      const newlyGivenUp = fleet.journal.filter((line) => line.includes('given up')).length;
      expect(newlyGivenUp).toBeLessThanOrEqual(1 + fleet.nowMs / 10_000);
      fleet.power(true, ...names(6));
      fleet.run(30);
      expect(fleet.givenUp).toEqual([]);
      for (const { node } of fleet.machines.values()) expect(node.spec.taints ?? []).toEqual([]);
    }),
    { numRuns: 100 },
  );
});
