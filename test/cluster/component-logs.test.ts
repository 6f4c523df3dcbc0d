import { appendFileSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { boundLog } from '../../cluster/component-logs.ts';

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-logs-'));
  file = join(directory, 'apiserver.log');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('a log that is too large is emptied under its writer, who goes on writing, and is kept once beside', async () => {
  const log = openSync(file, 'a');
  writeSync(log, 'first\n'.repeat(100));
  await boundLog(file, 500);
  writeSync(log, 'second\n');
  expect(readFileSync(file, 'utf8')).toBe('second\n');
  expect(readFileSync(`${file}.1`, 'utf8')).toBe('first\n'.repeat(100));
  appendFileSync(file, 'x'.repeat(1000));
  await boundLog(file, 500);
  expect(readFileSync(`${file}.1`, 'utf8')).toMatch(/^second/);
  closeSync(log);
});

test('a log within its bounds, or none at all, is left alone', async () => {
  await boundLog(file, 500);
  appendFileSync(file, 'short\n');
  await boundLog(file, 500);
  expect(readFileSync(file, 'utf8')).toBe('short\n');
});
