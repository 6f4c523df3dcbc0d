/**
 * Compaction on a schedule: the store keeps at least one interval of history, and at least
 * `keepRevisions` revisions, so that a watcher cut off for that long resumes without listing again.
 */
import type { Clock } from '../meta/clock.ts';
import type { Logger } from '../meta/logger.ts';
import { Loop } from '../meta/loop.ts';
import type { Revision, Store } from './store.ts';

export interface CompactionOptions {
  everySeconds: number;
  clock: Clock;
  logger: Logger;
}

export const defaultCompactEverySeconds = 300;
const keepRevisions = 1000;

/** The caller owns the loop and stops it before it closes the store. */
export function startCompaction(store: Store, { everySeconds, clock, logger }: CompactionOptions): Loop {
  let oneIntervalAgo: Revision = 0;
  return new Loop({
    name: 'store-compaction',
    intervalMs: everySeconds * 1000,
    clock,
    logger,
    step: async () => {
      const { revision, compactRevision } = await store.status();
      const target = Math.min(oneIntervalAgo, revision - keepRevisions);
      oneIntervalAgo = revision;
      if (target > compactRevision) await store.compact(target);
    },
  }).start();
}
