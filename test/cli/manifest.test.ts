import { describe, expect, it } from 'vitest';
import { ApiError } from '../../api/meta/api-error.ts';
import { fieldSegments, parseManifests } from '../../cli/manifest.ts';

function parse(text: string) {
  return parseManifests(Buffer.from(text), 'a.yaml');
}

function failureOf(text: string | Uint8Array): string {
  try {
    parseManifests(typeof text === 'string' ? Buffer.from(text) : text, 'a.yaml');
  } catch (error) {
    expect(error).toBeInstanceOf(ApiError);
    return (error as ApiError).message;
  }
  throw new Error('it was accepted');
}

const job = `apiVersion: gantry.dev/v1
kind: Job
metadata:
  name: web
  labels: {"example.com/a.b": x}
spec:
  template:
    spec:
      containers:
        - name: main
          image: &image busybox
        - name: side
          image: *image
`;

describe('manifests', () => {
  it('many documents come out in order, empty ones left out', () => {
    const names = parse(`---\n${job}---\n---\n# nothing\n---\n${job.replace('name: web', 'name: api')}`).map(
      ({ object }) => object.metadata.name,
    );
    expect(names).toEqual(['web', 'api']);
  });

  it('a List is taken apart, and its items know their lines', () => {
    const items = parse(
      'apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a}\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: b}\n',
    );
    expect(items.map(({ object }) => object.metadata.name)).toEqual(['a', 'b']);
    expect(items[1]?.place('metadata.name').line).toBe(9);
  });

  it('aliases and merge keys are written out', () => {
    const [manifest] = parse(`${job}extra: &base {a: 1}\nmore:\n  <<: *base\n  b: 2\n`);
    expect(manifest?.object['more']).toEqual({ a: 1, b: 2 });
    expect(JSON.stringify(manifest?.object.spec)).toContain('"name":"side","image":"busybox"');
  });

  it('words of YAML 1.1 are text: yes, on, times', () => {
    const [manifest] = parse(`${job}data: {a: yes, b: on, c: 2020-01-01T00:00:00Z, d: 0777}\n`);
    expect(manifest?.object['data']).toEqual({ a: 'yes', b: 'on', c: '2020-01-01T00:00:00Z', d: 777 });
  });

  it.each([
    ['metadata.name', 4, 3],
    ['metadata.labels[example.com/a.b]', 5, 12],
    ['spec.template.spec.containers[1].image', 13, 11],
    ['spec.template.spec.containers[1].command', 12, 11],
    ['spec.replicas', 6, 1],
    ['nowhere.at.all', 1, 1],
  ])('the field %s is at %i:%i, or the deepest part of it that is there', (field, line, column) => {
    expect(parse(job)[0]?.place(field)).toMatchObject({ file: 'a.yaml', line, column });
  });

  it.each([
    ['a map that is not closed', 'kind: Job\nmetadata: {name: web\n', 'a.yaml:3:1: '],
    ['a tab as indentation', 'kind: Job\nmetadata:\n\tname: web\n', 'a.yaml:3:1: '],
    [
      'a key given twice',
      'kind: Job\nmetadata:\n  name: a\n  name: b\n',
      'a.yaml:4:3: this key is given twice',
    ],
    ['a key given twice in JSON', '{"kind": "Job",\n "kind": "Task"}', 'a.yaml:2:2: this key is given twice'],
    [
      'an alias to nothing',
      `${job}extra: *nothing\n`,
      'a.yaml:14:8: there is no anchor &nothing before this',
    ],
    ['an alias that contains itself', `${job}extra: &a [*a]\n`, 'a.yaml:1:1: an alias contains itself'],
    ['a list as key', `${job}? [a, b]\n: c\n`, 'a.yaml:14:3: a key must be text'],
    ['infinity', `${job}extra: .inf\n`, 'a.yaml:14:8: is not a finite number'],
    ['text', 'hello\n', 'a.yaml:1:1: want an object'],
    ['a list', '- a\n- b\n', 'a.yaml:1:1: want an object'],
    ['no apiVersion', 'kind: Job\nmetadata: {name: a}\n', 'a.yaml:1:1: apiVersion is missing'],
    ['no kind', 'apiVersion: v1\nmetadata: {name: a}\n', 'a.yaml:1:1: kind is missing'],
    ['a kind that is a number', 'apiVersion: v1\nkind: 7\n', 'a.yaml:2:1: kind must be text'],
    ['no metadata', 'apiVersion: v1\nkind: Job\n', 'a.yaml:1:1: metadata.name is missing'],
    [
      'no name',
      'apiVersion: v1\nkind: Job\nmetadata:\n  labels: {}\n',
      'a.yaml:3:1: metadata.name is missing',
    ],
    [
      'a name that is a number',
      'apiVersion: v1\nkind: Job\nmetadata:\n  name: 123\n',
      'a.yaml:4:3: metadata.name must be text: write "123" in quotes',
    ],
    [
      'metadata that is text',
      'apiVersion: v1\nkind: Job\nmetadata: web\n',
      'a.yaml:3:1: metadata must be an object',
    ],
    ['a hundred thousand brackets', '['.repeat(100_000), 'nested too deeply'],
    ['two hundred levels', `${job}extra: ${'['.repeat(200)}${']'.repeat(200)}\n`, 'nested too deeply'],
    ['the second document', `${job}---\nkind: Job\n`, 'a.yaml:15:1: apiVersion is missing'],
  ])('%s is refused with its place', (_what, text, message) => {
    expect(failureOf(text)).toContain(message);
  });

  it('the offending line is shown with a caret under the place', () => {
    expect(failureOf('kind: Job\nmetadata:\n  name: a\n  name: b\n')).toBe(
      'a.yaml:4:3: this key is given twice\n    4 |   name: b\n      |   ^',
    );
  });

  it('aliases that multiply are refused before they fill the memory', () => {
    const levels = 'bcdefghij'.split('').map((name, at) => {
      const before = 'abcdefghi'[at];
      return `${name}: &${name} [${Array.from({ length: 9 }, () => `*${before}`).join(',')}]\n`;
    });
    expect(failureOf(`${job}a: &a [x]\n${levels.join('')}`)).toContain('aliases repeat too much');
  });

  it('bytes that are not UTF-8 are refused', () => {
    expect(failureOf(new Uint8Array([0x61, 0xff, 0xfe]))).toBe('a.yaml: is not UTF-8 text');
  });

  it('a file of eleven megabytes is refused unread', () => {
    expect(failureOf(Buffer.alloc(11 * 1024 * 1024, 'a'))).toBe('a.yaml: larger than 10 MiB');
  });

  it('a __proto__ key stays a key: the server sees it and refuses it', () => {
    const [manifest] = parse('{"apiVersion":"v1","kind":"Job","metadata":{"name":"p"},"__proto__":{"x":1}}');
    expect(JSON.stringify(manifest?.object)).toContain('"__proto__":{"x":1}');
  });

  it('field paths fall apart into keys', () => {
    expect(fieldSegments('spec.containers[0].env')).toEqual(['spec', 'containers', '0', 'env']);
    expect(fieldSegments('metadata.labels[a.b/c]')).toEqual(['metadata', 'labels', 'a.b/c']);
  });
});
