import { describe, expect, it } from 'vitest';
import { age, humanDuration, parseDuration } from '../../cli/age.ts';
import { UsageError } from '../../cli/failure.ts';
import { printable, printableLog } from '../../cli/output.ts';
import { parseOutputFormat } from '../../cli/output-format.ts';
import { sortRows } from '../../cli/row-order.ts';
import { formatTable, TableWriter } from '../../cli/table.ts';
import type { TableColumn } from '../../cli/table-source.ts';
import { headerCells, rowCells } from '../../cli/table-view.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

describe('durations', () => {
  it.each([
    [-5 * second, '<invalid>'],
    [-1 * second, '0s'],
    [0, '0s'],
    [999, '0s'],
    [119 * second, '119s'],
    [120 * second, '2m'],
    [5 * minute + 3 * second, '5m3s'],
    [10 * minute + 3 * second, '10m'],
    [179 * minute, '179m'],
    [3 * hour, '3h'],
    [7 * hour + 59 * minute, '7h59m'],
    [8 * hour + 59 * minute, '8h'],
    [47 * hour, '47h'],
    [2 * day, '2d'],
    [2 * day + 5 * hour, '2d5h'],
    [8 * day + 5 * hour, '8d'],
    [729 * day, '729d'],
    [2 * 365 * day + 3 * day, '2y3d'],
    [9 * 365 * day, '9y'],
  ])('%i ms is %s, as kubectl writes it', (ms, text) => {
    expect(humanDuration(ms)).toBe(text);
  });

  it.each([
    ['30', 30 * second],
    ['30s', 30 * second],
    ['1m30s', 90 * second],
    ['1.5h', 90 * minute],
    ['250ms', 250],
    ['0s', 0],
  ])('%s is read as %i ms', (text, ms) => {
    expect(parseDuration(text, '--timeout')).toBe(ms);
  });

  it.each(['', 'soon', '5x', '-3s', '1m 30s', 's'])('%j is no duration', (text) => {
    expect(() => parseDuration(text, '--timeout')).toThrow(UsageError);
  });

  it('the age of what has no time is unknown', () => {
    expect(age(undefined, 0)).toBe('<unknown>');
    expect(age('yesterday', 0)).toBe('<unknown>');
    expect(age('1970-01-01T00:00:00Z', 5000)).toBe('5s');
  });
});

describe('tables', () => {
  it('columns are as wide as their widest cell plus three, and nothing follows the last', () => {
    expect(
      formatTable([
        ['NAME', 'AGE'],
        ['a-long-name', '5s'],
        ['b', ''],
      ]),
    ).toBe('NAME          AGE\na-long-name   5s\nb\n');
  });

  it('wide characters take two columns', () => {
    expect(
      formatTable([
        ['日本', 'x'],
        ['abcd', 'y'],
      ]),
    ).toBe('日本   x\nabcd   y\n');
  });

  it('rows that come later line up with those above', () => {
    let text = '';
    const writer = new TableWriter((line) => {
      text += line;
    });
    writer.rows([
      ['NAME', 'STATUS'],
      ['web-0-0', 'Pending'],
    ]);
    writer.rows([['w', 'Running']]);
    expect(text).toBe('NAME      STATUS\nweb-0-0   Pending\nw         Running\n');
  });

  const columns: TableColumn[] = [
    { name: 'Name', type: 'string', format: 'name' },
    { name: 'Last Seen', type: 'date' },
    { name: 'Why', type: 'string', priority: 1 },
  ];
  const row = {
    cells: ['web', '1970-01-01T00:00:00Z', 'two\n lines'],
    object: {
      apiVersion: 'v1',
      kind: 'X',
      metadata: { name: 'web', namespace: 'shop', labels: { tier: 'front', 'example.com/zone': 'a' } },
    },
  };
  const io = { isTerminal: false, colours: false, out: () => {}, err: () => {} };

  it('only wide output shows columns of a lower priority', () => {
    const view = { wide: false, namespaceColumn: false, nowMs: 5000 };
    expect(headerCells(columns, view)).toEqual(['NAME', 'LAST SEEN']);
    expect(rowCells(columns, row, { ...view, io })).toEqual(['web', '5s']);
    expect(rowCells(columns, row, { ...view, wide: true, io })).toEqual(['web', '5s', 'two lines']);
  });

  it('namespace, label columns, all labels and a prefix come where kubectl has them', () => {
    const view = {
      wide: false,
      namespaceColumn: true,
      labelColumns: ['example.com/zone', 'none'],
      showLabels: true,
      namePrefix: 'job/',
      nowMs: 5000,
    };
    expect(headerCells(columns, view)).toEqual(['NAMESPACE', 'NAME', 'LAST SEEN', 'ZONE', 'NONE', 'LABELS']);
    expect(rowCells(columns, row, { ...view, io })).toEqual([
      'shop',
      'job/web',
      '5s',
      'a',
      '',
      'example.com/zone=a,tier=front',
    ]);
  });

  it('control characters are made visible on a terminal, and left alone in a pipe', () => {
    expect(printable('a\u001b[31mb\u202e\n', { isTerminal: true })).toBe('a\\u001b[31mb\\u202e\n');
    expect(printable('a\u001b[31mb', { isTerminal: false })).toBe('a\u001b[31mb');
  });
});

describe('logs on a terminal', () => {
  const io = { isTerminal: true, colours: true, out: () => {}, err: () => {} };

  it('keep their colours and nothing else that steers a terminal', () => {
    const text = '\u001b[31mred\u001b[0m \u001b]0;title\u0007 \u001b[2J';
    expect(printableLog(text, io)).toBe('\u001b[31mred\u001b[0m \\u001b]0;title\\u0007 \\u001b[2J');
    expect(printableLog(text, { ...io, colours: false })).toBe('red \\u001b]0;title\\u0007 \\u001b[2J');
    expect(printableLog(text, { ...io, isTerminal: false })).toBe(text);
  });
});

describe('--sort-by', () => {
  const rows = [12, 3, undefined, 7].map((count, at) => ({
    object: { apiVersion: 'v1', kind: 'X', metadata: { name: `n${at}` }, count },
  }));

  it('numbers are ordered by size, absent ones first', () => {
    expect(sortRows(rows, '.count').map(({ object }) => object.count)).toEqual([undefined, 3, 7, 12]);
    expect(sortRows(rows, '{.metadata.name}').map(({ object }) => object.metadata.name)).toEqual([
      'n0',
      'n1',
      'n2',
      'n3',
    ]);
  });

  it('a field no object has is a mistake', () => {
    expect(() => sortRows(rows, '.spec.nothing')).toThrow(UsageError);
  });
});

describe('-o', () => {
  it.each([
    [undefined, { type: 'table', wide: false }],
    ['wide', { type: 'table', wide: true }],
    ['yaml', { type: 'yaml' }],
    ['jsonpath={.a}', { type: 'jsonpath', template: '{.a}' }],
    ['custom-columns=A:.a', { type: 'custom-columns', template: 'A:.a' }],
  ])('%s is understood', (text, format) => {
    expect(parseOutputFormat(text)).toEqual(format);
  });

  it('an unknown form names the known ones', () => {
    expect(() => parseOutputFormat('xml')).toThrow(/want wide, yaml, json, name/);
  });
});
