/** When a container that ended is started again. Pure. */
import type { TaskSpec } from '../../api/kinds/task.ts';
import type { ContainerRecord, Termination } from './task-record.ts';

const baseMs = 10_000;
const maxMs = 300_000;
/** A run this long was a good one: the next end is treated as the first. */
const goodRunMs = 600_000;

export type RestartPolicy = NonNullable<TaskSpec['restartPolicy']>;

/** Init containers run to their success; sidecars run as long as their task does; ephemeral ones run once. */
export function restartPolicyOf(
  { restartPolicy = 'Always' }: Pick<TaskSpec, 'restartPolicy'>,
  { role }: Pick<ContainerRecord, 'role'>,
): RestartPolicy {
  if (role === 'ephemeral') return 'Never';
  if (role === 'sidecar') return 'Always';
  return role === 'init' && restartPolicy === 'Always' ? 'OnFailure' : restartPolicy;
}

export type Verdict = { restart: false } | { restart: true; failures: number; delayMs: number };

/** The first restart is at once, then 10 s, doubling up to 5 minutes (kubelet's CrashLoopBackOff). */
export function decideRestart(
  restartPolicy: RestartPolicy,
  { failures: before }: Pick<ContainerRecord, 'failures'>,
  { exitCode, startedAtMs, finishedAtMs }: Pick<Termination, 'exitCode' | 'startedAtMs' | 'finishedAtMs'>,
): Verdict {
  const isWanted = restartPolicy === 'Always' || (restartPolicy === 'OnFailure' && exitCode !== 0);
  if (!isWanted) return { restart: false };
  const wasGood = startedAtMs !== undefined && finishedAtMs - startedAtMs >= goodRunMs;
  const failures = wasGood ? 1 : before + 1;
  return { restart: true, failures, delayMs: failures === 1 ? 0 : retryDelayMs(failures - 1) };
}

/** Back-off before the next try, after so many failures in a row. */
export function retryDelayMs(failures: number): number {
  return Math.min(maxMs, baseMs * 2 ** Math.min(failures - 1, 20));
}

/** What must be put right on the node (an image, a port) is looked at more often than a crash. */
export function preparationDelayMs(failures: number): number {
  return Math.min(30_000, 1000 * 2 ** Math.min(failures - 1, 20));
}
