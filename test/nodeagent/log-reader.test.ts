import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LogFormat, LogLines, parseEntry, Tail } from '../../nodeagent/logs/log-lines.ts';
import { type LogQuery, readLog } from '../../nodeagent/logs/log-reader.ts';

const line = (second: number, text: string, tag = 'F'): string =>
  `2030-01-01T00:00:0${second}.000000001+00:00 stdout ${tag} ${text}\n`;

describe('LogLines', () => {
  it('strips time, stream and tag', () => {
    expect(parseEntry(Buffer.from(line(1, 'a b').trimEnd()), 'k8s-file')).toEqual({
      time: '2030-01-01T00:00:01.000000001+00:00',
      stream: 'stdout',
      text: Buffer.from('a b'),
      isEnd: true,
    });
  });

  it('keeps empty lines, and text that only looks like an entry', () => {
    const text = (entry: string, format: LogFormat): string =>
      `${parseEntry(Buffer.from(entry), format).text}`;
    expect(text('2030-01-01T00:00:01Z stderr F ', 'k8s-file')).toBe('');
    expect(text('2030-01-01T00:00:01Z stderr F', 'k8s-file')).toBe('');
    expect(text(line(1, line(2, 'inner').trimEnd()).trimEnd(), 'k8s-file')).toBe(line(2, 'inner').trimEnd());
    expect(text('plain text', 'plain')).toBe('plain text');
    expect(text('no entry at all', 'k8s-file')).toBe('no entry at all');
  });

  it('gives the same entries wherever the bytes are cut, within characters too', () => {
    const bytes = Buffer.from(line(1, 'grüße €') + line(2, 'x', 'P') + line(3, 'y'));
    const whole = new LogLines('k8s-file').push(bytes);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const lines = new LogLines('k8s-file');
      expect([...lines.push(bytes.subarray(0, cut)), ...lines.push(bytes.subarray(cut))]).toEqual(whole);
    }
  });

  it('holds no line without an end', () => {
    const lines = new LogLines('plain');
    const pieces = Array.from({ length: 200 }, () => lines.push(Buffer.alloc(1024, 'x'))).flat();
    expect(pieces.length).toBeGreaterThan(2);
    expect(pieces.every(({ isEnd }) => !isEnd)).toBe(true);
  });

  it('a tail keeps a bounded part of a line without an end', () => {
    const tail = new Tail(10);
    const text = Buffer.alloc(1024 ** 2, 'x');
    for (let megabytes = 0; megabytes < 40; megabytes++)
      tail.push({ time: '', stream: 'stdout', text, isEnd: false });
    expect(tail.entries.reduce((sum, entry) => sum + entry.text.length, 0)).toBe(16 * 1024 ** 2);
  });
});

describe('readLog', () => {
  let directory = '';
  let path = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'gantry-logs-'));
    path = join(directory, '0.log');
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  async function read(query: LogQuery, files = [path], isLive = () => false): Promise<string> {
    let text = '';
    for await (const chunk of readLog({ files, format: 'k8s-file', isLive }, query)) text += chunk;
    return text;
  }

  it('joins lines that were written in parts', async () => {
    writeFileSync(path, line(1, 'one ', 'P') + line(1, 'line') + line(2, 'two'));
    expect(await read({})).toBe('one line\ntwo\n');
  });

  it('a character written in two parts comes out whole', async () => {
    const [first, second] = [Buffer.from('€').subarray(0, 1), Buffer.from('€').subarray(1)];
    const entry = (tag: string, bytes: Buffer): Buffer =>
      Buffer.concat([Buffer.from(line(1, '', tag).trimEnd()), Buffer.from(' '), bytes, Buffer.from('\n')]);
    writeFileSync(path, Buffer.concat([entry('P', first), entry('F', second)]));
    expect(await read({})).toBe('€\n');
  });

  it('puts the time once in front of a line', async () => {
    writeFileSync(path, line(1, 'one ', 'P') + line(2, 'line'));
    expect(await read({ timestamps: true })).toBe('2030-01-01T00:00:01.000000001+00:00 one line\n');
  });

  it.each([
    [0, ''],
    [1, 'three\n'],
    [2, 'two\nthree\n'],
    [9, 'one\ntwo\nthree\n'],
  ])('gives the last %i lines', async (tailLines, expected) => {
    writeFileSync(path, line(1, 'one') + line(2, 'two') + line(3, 'three'));
    expect(await read({ tailLines })).toBe(expected);
  });

  it('gives what is newer than a time', async () => {
    writeFileSync(path, line(1, 'old') + line(3, 'new'));
    expect(await read({ sinceMs: Date.UTC(2030, 0, 1, 0, 0, 2) })).toBe('new\n');
  });

  it('reads rotated files first', async () => {
    writeFileSync(`${path}.1`, line(1, 'old'));
    writeFileSync(path, line(2, 'new'));
    expect(await read({}, [`${path}.1`, path])).toBe('old\nnew\n');
  });

  it('stops at the limit of bytes', async () => {
    writeFileSync(path, line(1, 'abcdef'));
    expect(await read({ limitBytes: 3 })).toBe('abc');
  });

  it('is empty when there is no file', async () => {
    expect(await read({}, [])).toBe('');
    expect(await read({})).toBe('');
  });

  it('follows across a rotation without losing or repeating a line, and ends with the container', async () => {
    writeFileSync(path, line(0, 'first'));
    let isAlive = true;
    const reading = read({ follow: true, tailLines: 1 }, [path], () => isAlive);
    await new Promise((resolve) => setTimeout(resolve, 50));
    appendFileSync(path, line(1, 'second'));
    renameSync(path, `${path}.1`);
    appendFileSync(`${path}.1`, line(2, 'third'));
    writeFileSync(path, line(3, 'fourth'));
    await new Promise((resolve) => setTimeout(resolve, 250));
    appendFileSync(path, line(4, 'last'));
    isAlive = false;
    expect(await reading).toBe('first\nsecond\nthird\nfourth\nlast\n');
  });
});
