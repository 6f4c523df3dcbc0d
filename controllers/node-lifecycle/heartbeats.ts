/**
 * Which nodes are heard. A node's lease counts as renewed when its renewTime *changes*; how long ago that
 * was is measured on our own monotonic clock, so nobody's wall clock matters.
 *
 *   fresh    a renewal was seen, less than leaseDurationSeconds ago
 *   unsure   we began to look less than leaseDurationSeconds ago and saw no renewal yet
 *   silent   no renewal for leaseDurationSeconds
 *
 * Invariant: a node is silent only after a whole lease duration of our own uninterrupted attention.
 */
import type { Lease, Node } from '../../api/kinds/resources.ts';
import { conditionOf } from '../../api/meta/conditions.ts';

export type Hearing = 'fresh' | 'unsure' | 'silent';

export interface Heartbeat {
  uid: string | undefined;
  renewTime: string | undefined;
  /** Monotonic: when renewTime was first seen as it is. */
  sinceMs: number;
  /** A renewal was seen, not just a lease. */
  isHeard: boolean;
  /** How long the lease is good for. */
  durationMs: number;
}

/** For a node that has no lease: how long it may take to make one (Kubernetes' node startup grace). */
const startupGraceMs = 60_000;

/** `uid`: the Node object's; absent when it was taken away. */
export function observeHeartbeat(
  uid: string | undefined,
  lease: Lease | undefined,
  { before, nowMs }: { before: Heartbeat | undefined; nowMs: number },
): Heartbeat {
  const renewTime = lease?.spec.renewTime;
  const seconds = lease?.spec.leaseDurationSeconds;
  const durationMs = lease && seconds ? seconds * 1000 : startupGraceMs;
  if (!before || before.uid !== uid) return { uid, renewTime, sinceMs: nowMs, isHeard: false, durationMs };
  if (before.renewTime === renewTime) return { ...before, durationMs };
  return { uid, renewTime, sinceMs: nowMs, isHeard: true, durationMs };
}

/** The same, as if we had begun to look just now. */
export function restarted(heartbeat: Heartbeat, nowMs: number): Heartbeat {
  return { ...heartbeat, sinceMs: nowMs, isHeard: false };
}

export function hearingOf({ sinceMs, isHeard, durationMs }: Heartbeat, nowMs: number): Hearing {
  if (nowMs - sinceMs >= durationMs) return 'silent';
  return isHeard ? 'fresh' : 'unsure';
}

/** The control plane has given up hearing it: what a controller before us wrote counts too. */
export function isMarkedUnreachable({ status }: Node): boolean {
  return conditionOf(status.conditions, 'Ready')?.status === 'Unknown';
}
