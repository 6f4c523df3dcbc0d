/**
 * The log of a container over its restarts: of one start, and where that is wished, of the next as soon as there is
 * one, until the container is over for good.
 */
import { type Clock, sleep } from '../../api/meta/clock.ts';
import type { ContainerRecord, TaskRecord } from '../task/task-record.ts';
import { type LogQuery, readLog } from './log-reader.ts';
import { type LogPlace, logSource } from './log-source.ts';

export interface StartsQuery extends LogQuery {
  /** The first start to read. */
  start: number;
  /** With `follow`: go on with the starts after it. */
  restarts: boolean;
}

const pollMs = 200;

export async function* readStarts(
  { record, container }: { record: TaskRecord; container: ContainerRecord },
  query: StartsQuery,
  { place, signal, clock }: { place: LogPlace; signal: AbortSignal; clock: Clock },
): AsyncGenerator<Buffer> {
  let { start, limitBytes: leftBytes = Number.POSITIVE_INFINITY, ...rest } = query;
  for (;;) {
    let source = await logSource({ record, container, start }, place);
    // A start is counted before its log is there.
    while (query.follow && source.files.length === 0 && source.isLive() && !signal.aborted) {
      await sleep(clock, pollMs, signal);
      source = await logSource({ record, container, start }, place);
    }
    for await (const bytes of readLog(source, { ...rest, limitBytes: leftBytes }, { signal, clock })) {
      leftBytes -= bytes.length;
      yield bytes;
    }
    if (!query.follow || !query.restarts || leftBytes <= 0) return;
    while (container.starts - 1 <= start) {
      if (signal.aborted || container.life.state === 'ended' || record.stop) return;
      await sleep(clock, pollMs, signal);
    }
    start++;
    // They were meant for what was there when it was asked for.
    const { tailLines: _lines, sinceMs: _since, ...always } = rest;
    rest = always;
  }
}
