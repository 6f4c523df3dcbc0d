import { describe, expect, it } from 'vitest';
import { digestOf, normalReference } from '../../nodeagent/images/reference.ts';

const digest = `sha256:${'a'.repeat(64)}`;

describe('normalReference', () => {
  it.each([
    ['busybox', 'busybox:latest'],
    ['busybox:latest', 'busybox:latest'],
    ['docker.io/library/busybox', 'busybox:latest'],
    ['docker.io/team/app:1', 'team/app:1'],
    ['registry.example:5000/app', 'registry.example:5000/app:latest'],
    ['registry.example/a/b:2.0', 'registry.example/a/b:2.0'],
    [`app@${digest}`, `app@${digest}`],
  ])('%s is %s', (text, normal) => {
    expect(normalReference(text)).toBe(normal);
  });

  it.each([
    '',
    '-rm',
    '--help',
    '/etc/passwd',
    '../x',
    'a b',
    'UPPER',
    'a:',
    'a@sha256:12',
    'dir:/etc',
    'x'.repeat(600),
  ])('%j is no reference', (text) => {
    expect(normalReference(text)).toBeUndefined();
  });

  it('finds the digest an image is pinned to', () => {
    expect(digestOf(`app@${digest}`)).toBe(digest);
    expect(digestOf('app:1')).toBeUndefined();
  });
});
