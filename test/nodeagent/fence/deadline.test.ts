/** Contract R4 as arithmetic: the node's clock against the control plane's, whatever the messages do. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Lease } from '../../../api/kinds/resources.ts';
import {
  type Heartbeat,
  hearingOf,
  observeHeartbeat,
} from '../../../controllers/node-lifecycle/heartbeats.ts';
import {
  type Deadline,
  deadlineSeconds,
  formatDeadline,
  hasPassed,
  parseDeadline,
} from '../../../nodeagent/fence/deadline.ts';

const bootId = 'boot-1';
const deadline = (atSeconds: number): Deadline => ({ atSeconds, bootId, heardAt: '2030-01-01T00:00:00Z' });

test.each<[string, Deadline, number, string, boolean]>([
  ['lies ahead', deadline(100), 99.99, bootId, false],
  ['has passed in its very second', deadline(100), 100, bootId, true],
  ['of another boot has passed, however far ahead it seems', deadline(9000), 10, 'boot-2', true],
  ['that cannot be read has passed', parseDeadline(''), 10, bootId, true],
  ['of garbage has passed', parseDeadline('1e9 boot-1 never'), 10, bootId, true],
])('a deadline that %s', (_what, given, seconds, boot, expected) => {
  expect(hasPassed(given, { seconds, bootId: boot })).toBe(expected);
});

test('a deadline is read as it was written', () => {
  expect(parseDeadline(formatDeadline(deadline(100)))).toEqual(deadline(100));
});

test.each([
  [20, 1014],
  [40, 1030],
  [10, 1006],
])('with a lease of %i s, renewed at 1000 s, it is %i', (lease, expected) => {
  expect(deadlineSeconds(1000.9, lease)).toBe(expected);
});

interface Renewal {
  /** Seconds of true time since the one before was sent. */
  afterSeconds: number;
  toServerSeconds: number;
  toAgentSeconds: number;
  fate: 'answered' | 'answer lost' | 'lost';
}

const renewals = fc.array(
  fc.record<Renewal>({
    afterSeconds: fc.double({ min: 0.1, max: 12, noNaN: true }),
    toServerSeconds: fc.double({ min: 0, max: 8, noNaN: true }),
    toAgentSeconds: fc.double({ min: 0, max: 8, noNaN: true }),
    fate: fc.constantFrom('answered', 'answered', 'answered', 'answer lost', 'lost'),
  }),
  { minLength: 1, maxLength: 12 },
);
const rate = fc.double({ min: 0.9, max: 1.1, noNaN: true });
const stepSeconds = 0.05;

/** True times at which the guard kills, and at which the control plane gives the node up. */
function play(
  history: readonly Renewal[],
  { leaseSeconds, nodeRate, planeRate }: { leaseSeconds: number; nodeRate: number; planeRate: number },
): { killedAt: number; givenUpAt: number } {
  let sentAt = 0;
  const sent = history.map((renewal) => {
    sentAt += renewal.afterSeconds;
    const seenAt = sentAt + renewal.toServerSeconds;
    return { ...renewal, sentAt, seenAt, answeredAt: seenAt + renewal.toAgentSeconds };
  });
  let current = deadlineSeconds(0, leaseSeconds);
  let killedAt: number | undefined;
  let heartbeat: Heartbeat | undefined;
  for (let now = 0; ; now += stepSeconds) {
    const answered = sent.filter(({ fate, answeredAt }) => fate === 'answered' && answeredAt <= now).at(-1);
    if (answered) current = Math.max(current, deadlineSeconds(answered.sentAt * nodeRate, leaseSeconds));
    // Killing comes last: a whole second of the guard's sleep, and half a second of work.
    const looked = { seconds: now * nodeRate - 1.5, bootId };
    if (killedAt === undefined && hasPassed(deadline(current), looked)) killedAt = now;
    const seen = sent.filter(({ fate, seenAt }) => fate !== 'lost' && seenAt <= now).length;
    const lease = { spec: { renewTime: `${seen}`, leaseDurationSeconds: leaseSeconds } } as unknown as Lease;
    const nowMs = now * planeRate * 1000;
    heartbeat = observeHeartbeat('uid', lease, { before: heartbeat, nowMs });
    if (hearingOf(heartbeat, nowMs) === 'silent')
      return { killedAt: killedAt ?? Number.POSITIVE_INFINITY, givenUpAt: now };
  }
}

describe('a node and a control plane whose clocks are each wrong by up to a tenth', () => {
  test('the guard has killed before the node is given up, however renewals are delayed and lost', () => {
    const leases = fc.constantFrom(10, 20, 40, 60);
    fc.assert(
      fc.property(renewals, leases, rate, rate, (history, leaseSeconds, nodeRate, planeRate) => {
        const { killedAt, givenUpAt } = play(history, { leaseSeconds, nodeRate, planeRate });
        expect(killedAt).toBeLessThan(givenUpAt);
      }),
      { numRuns: 300 },
    );
  });
});
