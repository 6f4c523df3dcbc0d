/** The ways a container can end, or not begin, as the record keeps them. Pure. */
import type { ContainerState, Refusal } from '../runtime/runtime.ts';
import type { Termination } from './task-record.ts';

/** Exit code of a command that could not be run, as in a shell. */
const cannotRunCode = 128;
const unknownCode = 255;

export const tooLate: Refusal = {
  reason: 'Fenced',
  message: 'the lease of the node ran out while the container was being made',
};

export function exited(
  cid: string,
  { exitCode, oomKilled, finishedAtMs }: Extract<ContainerState, { status: 'exited' }>,
): Termination {
  const reason = oomKilled ? 'OOMKilled' : exitCode === 0 ? 'Completed' : 'Error';
  return { cid, exitCode, reason, finishedAtMs };
}

export function vanished(cid: string, finishedAtMs: number): Termination {
  const message =
    'the container is gone and nobody knows how it ended: the node was rebooted, or its supervisor killed';
  return { cid, exitCode: unknownCode, reason: 'ContainerStatusUnknown', message, finishedAtMs };
}

/** `cid`: empty when no container was ever made. */
export function refused(
  cid: string,
  { reason, message }: Pick<Refusal, 'reason'> & Partial<Refusal>,
  finishedAtMs: number,
): Termination {
  return {
    cid,
    exitCode: cannotRunCode,
    reason,
    ...(message === undefined ? {} : { message }),
    finishedAtMs,
  };
}
