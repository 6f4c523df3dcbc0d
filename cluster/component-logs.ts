/**
 * The logs of a local cluster's parts, kept from filling the disk: a part writes to one open file for as long as it
 * lives, so what is there is copied away and the file is emptied. Lines written in between may be lost.
 */
import { copyFile, stat, truncate } from 'node:fs/promises';
import type { Clock } from '../api/meta/clock.ts';
import type { Logger } from '../api/meta/logger.ts';
import { Loop } from '../api/meta/loop.ts';

export const maxLogBytes = 32 * 1024 * 1024;
const checkEveryMs = 60_000;

/** Looks at these files once a minute. */
export function boundLogs(
  files: () => readonly string[],
  { clock, logger }: { clock: Clock; logger: Logger },
): Loop {
  return new Loop({
    name: 'bound component logs',
    step: async () => {
      for (const file of files()) await boundLog(file, maxLogBytes);
    },
    intervalMs: checkEveryMs,
    clock,
    logger,
  });
}

/** A file larger than `maxBytes` becomes `<file>.1`, in the place of the one before. */
export async function boundLog(file: string, maxBytes: number): Promise<void> {
  const size = await stat(file).then(
    (found) => found.size,
    () => 0,
  );
  if (size <= maxBytes) return;
  await copyFile(file, `${file}.1`);
  // Writers append: they go on at the new end.
  await truncate(file);
}
