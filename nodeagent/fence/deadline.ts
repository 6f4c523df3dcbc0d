/**
 * Until when tasks that may run at most once may run here: counted from before the renewal of the node's lease
 * was sent, on the clock that runs while a machine sleeps (/proc/uptime).
 *
 * Invariant (contract R4): with clocks that differ by at most a tenth of true time, the guard has killed before
 * the control plane, which waits a whole lease from when it saw the renewal, gives the node up.
 */

export interface Deadline {
  /** Seconds since boot, whole. */
  atSeconds: number;
  /** Which boot: the clock began anew since any other. */
  bootId: string;
  /** When the control plane last answered; RFC 3339, for people. */
  heardAt: string;
}

/** Clocks may differ by a tenth each way: 0.9 / 1.1 of the lease is 0.81 of it. */
const share = 0.8;
/** The guard looks once a second, and its killing takes a moment. */
const guardSeconds = 2;

export function deadlineSeconds(sentAtSeconds: number, leaseDurationSeconds: number): number {
  return Math.floor(sentAtSeconds + share * leaseDurationSeconds - guardSeconds);
}

export function hasPassed(
  { atSeconds, bootId }: Deadline,
  now: { seconds: number; bootId: string },
): boolean {
  return bootId !== now.bootId || now.seconds >= atSeconds;
}

/** One line; its first word is all that the guard reads. */
export function formatDeadline({ atSeconds, bootId, heardAt }: Deadline): string {
  return `${atSeconds} ${bootId} ${heardAt}\n`;
}

/** Text that is no deadline is one that has passed. */
export function parseDeadline(text: string): Deadline {
  const [seconds = '', bootId = '', heardAt = ''] = text.trim().split(' ');
  return { atSeconds: /^\d+$/.test(seconds) ? Number(seconds) : 0, bootId, heardAt };
}
