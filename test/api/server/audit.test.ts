/** The audit log as files: every line is in one of them, and they stay within their bounds. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type AuditRecord, fileAuditLog } from '../../../api/server/audit.ts';

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-audit-'));
  file = join(directory, 'audit.log');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const onError = (error: Error): void => {
  throw error;
};
const record = (name: string): AuditRecord => ({
  time: '2026-01-01T00:00:00Z',
  user: 'gantry-admin',
  verb: 'create',
  resource: 'configmaps',
  namespace: 'default',
  name,
  subresource: undefined,
  dryRun: false,
  code: 201,
  reason: undefined,
  latencyMs: 1,
  userAgent: undefined,
});
const namesIn = (path: string): string[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line).name);

test('a log that is full is put aside, and the oldest of those goes', async () => {
  const log = fileAuditLog(file, { maxBytes: 2000, backups: 2, onError });
  const names = Array.from({ length: 100 }, (_, index) => `n${index}`);
  for (const name of names) log.write(record(name));
  await log.close();
  const files = ['audit.log.2', 'audit.log.1', 'audit.log'];
  expect(readdirSync(directory).sort()).toEqual(files.toSorted());
  const kept = await vi.waitFor(() => {
    const all = files.flatMap((each) => namesIn(join(directory, each)));
    expect(all.at(-1)).toBe('n99');
    expect(all).toEqual(names.slice(-all.length));
    return all;
  });
  expect(kept.length).toBeGreaterThan(10);
  for (const each of readdirSync(directory))
    expect(statSync(join(directory, each)).size).toBeLessThanOrEqual(2000);
});

test('no line is lost when many come at once', async () => {
  const log = fileAuditLog(file, { maxBytes: 5000, backups: 50, onError });
  log.write(record('first'));
  const names = Array.from({ length: 500 }, (_, index) => `n${index}`);
  for (const name of names) log.write(record(name));
  await log.close();
  await vi.waitFor(() => {
    const all = readdirSync(directory).flatMap((each) => namesIn(join(directory, each)));
    expect(all.sort()).toEqual(['first', ...names].sort());
  });
});

test('what an earlier server wrote counts, and stays', async () => {
  writeFileSync(file, `${JSON.stringify(record('earlier'))}\n`);
  const log = fileAuditLog(file, { maxBytes: 300, backups: 1, onError });
  log.write(record('later'));
  await log.close();
  await vi.waitFor(() => expect([namesIn(`${file}.1`), namesIn(file)]).toEqual([['earlier'], ['later']]));
});
