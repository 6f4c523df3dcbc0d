/** Runs every job script of test/controllers/transcripts. UPDATE=1 rewrites them: read the difference before you keep it. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { runTranscript } from './transcript.ts';

const folder = new URL('../transcripts/', import.meta.url);
const scripts = readdirSync(folder).filter((name) => name.startsWith('job-'));

test('there are scripts to run', () => {
  expect(scripts.length).toBeGreaterThan(5);
});

test.each(scripts)('%s comes out as written', (name) => {
  const file = new URL(name, folder);
  const written = readFileSync(file, 'utf8');
  const actual = runTranscript(written.trimEnd());
  if (process.env['UPDATE'] === '1') writeFileSync(file, actual);
  else expect(actual).toBe(written);
});
