/**
 * Keeps each log below 10 MB × 5 files: renames `log` to `log.1`, `log.1` to `log.2` and so on, and lets
 * the supervisor open a new file. Nothing is lost: conmon writes to the renamed file until it is told.
 */
import { copyFile, rename, rm, stat, truncate } from 'node:fs/promises';
import type { Logger } from '../../api/meta/logger.ts';
import { Loop } from '../../api/meta/loop.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { liveCid, type TaskRecord } from '../task/task-record.ts';
import { logPaths } from './log-files.ts';

export interface LogRotationOptions {
  runtime: Runtime;
  records: () => TaskRecord[];
  logDirectory: string;
  logger: Logger;
  maxBytes?: number;
  intervalMs?: number;
}

export const maxLogFiles = 5;
const tenMegabytes = 10 * 1024 ** 2;

export function logRotation(options: LogRotationOptions): Loop {
  const { logger, intervalMs = 10_000 } = options;
  return new Loop({ name: 'log-rotation', step: () => rotateAll(options), intervalMs, logger });
}

async function rotateAll({
  runtime,
  records,
  logDirectory,
  maxBytes = tenMegabytes,
}: LogRotationOptions): Promise<void> {
  for (const record of records()) {
    for (const container of record.containers) {
      const cid = liveCid(container);
      if (cid === undefined) continue;
      const path = logPaths(logDirectory, record.uid, container.name).current(container.starts - 1);
      const size = (await stat(path).catch(() => undefined))?.size ?? 0;
      if (size > maxBytes) await rotateLog(runtime, cid, path);
    }
  }
}

export async function rotateLog(runtime: Runtime, cid: string, path: string): Promise<void> {
  await rm(`${path}.${maxLogFiles - 1}`, { force: true });
  for (let age = maxLogFiles - 2; age >= 1; age--)
    await rename(`${path}.${age}`, `${path}.${age + 1}`).catch(() => {});
  if (runtime.logRotation === 'truncate') {
    await copyFile(path, `${path}.1`);
    await truncate(path);
    return;
  }
  await rename(path, `${path}.1`);
  await runtime.reopenLog(cid);
}
