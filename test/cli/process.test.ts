import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const directory = mkdtempSync(join(tmpdir(), 'gantry-cli-'));
const main = join(directory, 'cli/main.js');
const kubeconfig = join(directory, 'kubeconfig');
const contextCount = 20_000;

/** The program as it is shipped, without the local cluster. */
beforeAll(async () => {
  await build({
    absWorkingDir: root,
    entryPoints: ['cli/main.ts'],
    outdir: directory,
    outbase: '.',
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['*/cluster/commands.ts'],
    banner: {
      js: "import { createRequire as gantryRequire } from 'node:module'; const require = gantryRequire(import.meta.url);",
    },
    logLevel: 'silent',
  });
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
  const contexts = Array.from({ length: contextCount }, (_, at) => ({ name: `context-${at}`, context: {} }));
  writeFileSync(kubeconfig, JSON.stringify({ kind: 'Config', contexts }));
});
afterAll(() => rmSync(directory, { recursive: true }));

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

/** `closeAfterBytes`: the reader goes away after so much, as `head` does. */
function run(words: readonly string[], closeAfterBytes = Infinity): Promise<Ended> {
  const env = { ...process.env, KUBECONFIG: kubeconfig, HOME: directory, GANTRY_HOME: directory };
  const child = spawn(process.execPath, [main, ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended: Ended = { code: null, out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    ended.out += chunk.toString();
    if (ended.out.length >= closeAfterBytes) child.stdout.destroy();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    ended.err += chunk.toString();
  });
  return new Promise((done) => {
    child.once('close', (code) => done({ ...ended, code }));
  });
}

describe('the gantry process', () => {
  it('help and version end well, a wrong call ends with 2, a failure with 1', async () => {
    expect(await run(['--help'])).toMatchObject({ code: 0, err: '' });
    expect(await run(['--version'])).toMatchObject({ code: 0, out: expect.stringMatching(/^v\d/) });
    expect(await run(['gte'])).toMatchObject({ code: 2, err: expect.stringContaining('Did you mean get?') });
    expect(await run(['get', 'jobs'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^error: no cluster/),
    });
  });

  it('writes all of a large output into a pipe', async () => {
    const { code, out } = await run(['config', 'get-contexts']);
    expect(code).toBe(0);
    expect(out.trimEnd().split('\n')).toHaveLength(contextCount + 1);
  });

  it('ends silently when the reader goes away', async () => {
    expect(await run(['config', 'get-contexts'], 1)).toMatchObject({ code: 0, err: '' });
  });
});
