/** Which files hold the log of one start of a container, and whether it still grows. */

import type { Runtime } from '../runtime/runtime.ts';
import { type ContainerRecord, liveCid, type TaskRecord } from '../task/task-record.ts';
import { logPaths } from './log-files.ts';
import type { LogSource } from './log-reader.ts';

export interface LogPlace {
  runtime: Pick<Runtime, 'logRotation'>;
  logDirectory: string;
}

export interface ContainerStart {
  record: TaskRecord;
  container: ContainerRecord;
  /** From 0; the newest is `container.starts - 1`. */
  start: number;
}

export async function logSource(
  { record, container, start }: ContainerStart,
  { runtime, logDirectory }: LogPlace,
): Promise<LogSource> {
  const cid = container.starts - 1 === start ? liveCid(container) : undefined;
  return {
    files: await logPaths(logDirectory, record.uid, container.name).of(start),
    format: runtime.logRotation === 'truncate' ? 'plain' : 'k8s-file',
    isLive: () => cid !== undefined && liveCid(container) === cid,
  };
}
