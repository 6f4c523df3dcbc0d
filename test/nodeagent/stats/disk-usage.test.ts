import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { diskUsage } from '../../../nodeagent/stats/disk-usage.ts';

const directory = mkdtempSync(join(tmpdir(), 'gantry-disk-usage-'));
afterEach(() => rmSync(directory, { recursive: true, force: true }));

it('what is named before what is around it is counted once', async () => {
  const inner = join(directory, 'inner');
  mkdirSync(inner);
  writeFileSync(join(inner, 'file'), Buffer.alloc(1024 ** 2, 1));
  const usage = await diskUsage([inner, directory, join(directory, 'absent')]);
  expect([...usage.keys()]).toEqual([inner, directory]);
  expect(usage.get(inner)?.usedBytes).toBeGreaterThanOrEqual(1024 ** 2);
  expect(usage.get(inner)?.inodes).toBe(2);
  expect(usage.get(directory)?.usedBytes).toBeLessThan(1024 ** 2);
  expect(usage.get(directory)?.inodes).toBe(1);
});
