import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root, sourceFiles, textOf } from './source-tree.ts';

const maximumLines = 400;
const sayNothing = /^(utils?|helpers?|common|misc|shared|manager)\.ts$/;

/** The files of code that may use what the rest has injected. */
const injected: [what: RegExp, allowedIn: RegExp][] = [
  [/\bDate\.now\(|(?<![.\w])set(Timeout|Interval)\(/, /^api\/meta\/clock\.ts$/],
  [/\bMath\.random\(/, /^api\/meta\/random\.ts$/],
  [/\bprocess\.(argv|env)\b/, /(^|\/)([\w-]+-)?main\.ts$|^cluster\/(commands|supervisor)\.ts$/],
  [/\bconsole\.(log|warn|error|info)\(/, /^never$/],
  [/\bshell: true\b/, /^never$/],
];

describe('the house rules', () => {
  it(`keep every file within ${maximumLines} lines`, () => {
    const long = sourceFiles.filter((file) => textOf(file).split('\n').length > maximumLines);
    expect(long).toEqual([]);
  });

  it('give no file a name that says nothing', () => {
    expect(sourceFiles.filter((file) => sayNothing.test(basename(file)))).toEqual([]);
  });

  it('open every file with what it is', () => {
    expect(sourceFiles.filter((file) => !textOf(file).startsWith('/**'))).toEqual([]);
  });

  it.each(injected)('keep %s to the one place for it', (what, allowedIn) => {
    const users = sourceFiles.filter(
      (file) => what.test(withoutComments(textOf(file))) && !allowedIn.test(file),
    );
    expect(users).toEqual([]);
  });
});

describe('ARCHITECTURE.md', () => {
  const named = [
    ...textOf('ARCHITECTURE.md').matchAll(
      /`((?:api|client|controllers|scheduler|nodeagent|cli|cluster|test)\/[\w/-]+\.ts)`/g,
    ),
  ].map(([, file = '']) => file);

  it('names files that exist', () => {
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });

  it('fits into 250 lines', () => {
    expect(textOf('ARCHITECTURE.md').split('\n').length).toBeLessThanOrEqual(250);
  });
});

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}
