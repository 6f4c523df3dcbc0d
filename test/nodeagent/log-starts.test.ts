import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sleep, systemClock } from '../../api/meta/clock.ts';
import { readStarts, type StartsQuery } from '../../nodeagent/logs/log-starts.ts';
import { record, task, testUid } from '../kit/nodeagent-objects.ts';

describe('readStarts', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'gantry-starts-'));
    mkdirSync(join(directory, testUid, 'main'), { recursive: true });
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const logOf = (start: number): string => join(directory, testUid, 'main', `${start}.log`);
  const line = (text: string): string => `2030-01-01T00:00:00Z stdout F ${text}\n`;
  const running = (cid: string) => ({ state: 'running', cid, pid: 1, startedAtMs: 0 }) as const;

  /** A container that ends, waits, and is started again; a second end is for good. */
  async function read(query: Partial<StartsQuery>): Promise<string> {
    const of = record(task(), {}, { life: running('0'), starts: 1 });
    const container = of.containers[0]!;
    writeFileSync(logOf(0), line('one') + line('two'));
    const { signal } = new AbortController();
    const place = { runtime: { logRotation: 'reopen' as const }, logDirectory: directory };
    const reading = (async () => {
      let text = '';
      const asked = { start: 0, restarts: true, follow: true, ...query };
      for await (const bytes of readStarts({ record: of, container }, asked, {
        place,
        signal,
        clock: systemClock,
      }))
        text += bytes;
      return text;
    })();
    await sleep(systemClock, 150);
    appendFileSync(logOf(0), line('three'));
    container.life = { state: 'waiting', reason: 'CrashLoopBackOff', retryAtMs: 0 };
    await sleep(systemClock, 150);
    container.starts = 2;
    container.life = { state: 'starting', cid: '1' };
    await sleep(systemClock, 300);
    writeFileSync(logOf(1), line('again'));
    container.life = running('1');
    await sleep(systemClock, 300);
    appendFileSync(logOf(1), line('last'));
    container.life = {
      state: 'ended',
      termination: { cid: '1', exitCode: 0, reason: 'Completed', finishedAtMs: 0 },
    };
    return reading;
  }

  it('goes on after a restart, until the container is over for good', async () => {
    expect(await read({ tailLines: 1 })).toBe('two\nthree\nagain\nlast\n');
  });

  it('ends with the container for who has not asked for more', async () => {
    expect(await read({ restarts: false })).toBe('one\ntwo\nthree\n');
  });

  it('counts the bytes of all starts', async () => {
    expect(await read({ limitBytes: 17 })).toBe('one\ntwo\nthree\naga');
  });
});
