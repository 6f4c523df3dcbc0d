import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../api/meta/clock.ts';
import { silentLogger } from '../../api/meta/logger.ts';
import { seededRandom } from '../../api/meta/random.ts';
import { openEmbeddedStore } from '../../api/store/embedded-store.ts';
import { WatchRecorder } from './watch-recorder.ts';

const writerFile = new URL('./crash-writer.ts', import.meta.url).pathname;

/** Runs the writer, kills it with SIGKILL after `kills` acknowledgements and returns every one that got out. */
async function writeAndKill(directory: string, round: number, kills: number): Promise<string[]> {
  const child = spawn(process.execPath, ['--import', 'tsx', writerFile, directory, String(round)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const acknowledged: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    // The last line may be torn by the kill.
    if (/^\d+ \S+ \S+ \d+-\d+-\d+$/.test(line)) acknowledged.push(line);
    if (acknowledged.length === kills) child.kill('SIGKILL');
  }
  await ended;
  return acknowledged;
}

describe('the embedded store under kill -9', () => {
  test('no acknowledged revision is lost, none is half done, none is missing in between', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'gantry-crash-'));
    const random = seededRandom(7);
    const acknowledged: string[] = [];
    for (let round = 0; round < 4; round++) {
      acknowledged.push(...(await writeAndKill(directory, round, 300 + Math.floor(random.next() * 2_000))));
    }
    const store = await openEmbeddedStore(directory, { clock: systemClock, logger: silentLogger });
    const { revision: last } = await store.status();
    const recorder = new WatchRecorder();
    const watch = store.watch('', 2, recorder);
    await recorder.count((last - 1) * 2);
    watch.cancel();
    const stored = new Set<string>();
    for (let at = 0; at < recorder.events.length; at += 2) {
      const [left, right] = recorder.events.slice(at, at + 2);
      if (left?.type !== 'put' || right?.type !== 'put') throw new Error('only puts were written');
      expect(left.kv.value.equals(right.kv.value)).toBe(true);
      expect([left.kv.modRevision, right.kv.modRevision]).toEqual([at / 2 + 2, at / 2 + 2]);
      stored.add(`${left.kv.modRevision} ${left.kv.key} ${right.kv.key} ${left.kv.value}`);
    }
    expect(acknowledged.length).toBeGreaterThan(1_000);
    expect(acknowledged.filter((line) => !stored.has(line))).toEqual([]);
    await store.close();
    await rm(directory, { recursive: true, force: true });
  });
});
