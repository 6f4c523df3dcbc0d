import { describe, expect, it } from 'vitest';
import { customCells, parseCustomColumns } from '../../cli/custom-columns.ts';
import { UsageError } from '../../cli/failure.ts';
import { evaluate, renderTemplate } from '../../cli/jsonpath.ts';
import { parsePath } from '../../cli/jsonpath-parser.ts';

const list = {
  kind: 'List',
  items: [
    {
      metadata: { name: 'n1', labels: { 'example.com/zone': 'a', tier: 'web' } },
      status: {
        capacity: { cpu: '4' },
        count: 3,
        conditions: [
          { type: 'Ready', status: 'True' },
          { type: 'Full', status: 'False' },
        ],
      },
    },
    {
      metadata: { name: 'n2' },
      status: { capacity: { cpu: '8' }, count: 12, conditions: [{ type: 'Ready', status: 'False' }] },
    },
  ],
};

describe('JSONPath', () => {
  it.each([
    ['{.kind}', 'List'],
    ['kind is {.kind}.', 'kind is List.'],
    ['{.items[*].metadata.name}', 'n1 n2'],
    ['{.items[0].metadata.name}', 'n1'],
    ['{.items[-1].metadata.name}', 'n2'],
    ['{.items[-1:].metadata.name}', 'n2'],
    ['{.items[0:1].metadata.name}', 'n1'],
    ['{.items[:].metadata.name}', 'n1 n2'],
    ['{.items[0,1].metadata.name}', 'n1 n2'],
    ['{..name}', 'n1 n2'],
    ["{.items[0]['metadata','kind'].name}", 'n1'],
    ['{.items[0].metadata.labels.example\\.com/zone}', 'a'],
    ["{.items[0].metadata.labels['example.com/zone']}", 'a'],
    ['{.items[0].metadata.labels.*}', 'a web'],
    ['{.items[?(@.metadata.name=="n2")].status.count}', '12'],
    ["{.items[?(@.metadata.name != 'n2')].status.count}", '3'],
    ['{.items[?(@.status.count>5)].metadata.name}', 'n2'],
    ['{.items[?(@.status.count<=3)].metadata.name}', 'n1'],
    ['{.items[?(@.metadata.labels)].metadata.name}', 'n1'],
    ['{.items[*].status.conditions[?(@.type=="Ready")].status}', 'True False'],
    ['{range .items[*]}{.metadata.name}{"\\t"}{.status.capacity.cpu}{"\\n"}{end}', 'n1\t4\nn2\t8\n'],
    [
      '{range .items[*]}[{.metadata.name},{range .status.conditions[*]}{.type};{end}]{end}',
      '[n1,Ready;Full;][n2,Ready;]',
    ],
    ['{.items[0].status.capacity}', '{"cpu":"4"}'],
    ['{$.kind} {@.kind}', 'List List'],
    ['{.nothing.at.all}', ''],
    ['{"a \\"quoted\\" word"}', 'a "quoted" word'],
    ["{'single'}", 'single'],
    ['no braces', 'no braces'],
    ['', ''],
  ])('%s gives %j', (template, text) => {
    expect(renderTemplate(template, list)).toBe(text);
  });

  it.each([
    ['{.items[}', /wanted an index/],
    ['{.items', /wanted '}'/],
    ['{range .items[*]}{.metadata.name}', /wanted \{end\}/],
    ['{end}', /no \{end\} outside/],
    ['{.items[?(@.a==)]}', /wanted|found/],
    ['{"open}', /wanted '"'/],
  ])('%s is refused', (template, message) => {
    expect(() => renderTemplate(template, list)).toThrow(UsageError);
    expect(() => renderTemplate(template, list)).toThrow(message);
  });

  it.each(['.status.count', 'status.count', '{.status.count}', '{status.count}', "['status'].count"])(
    'the bare path %s is taken as flags write it',
    (path) => {
      expect(evaluate(parsePath(path), list.items[0])).toEqual([3]);
    },
  );

  it('inherited properties are no fields', () => {
    expect(renderTemplate('{.constructor}{.__proto__}{.items.length}', list)).toBe('');
  });
});

describe('custom columns', () => {
  it('gives one cell per column, and <none> for what is missing', () => {
    const columns = parseCustomColumns(
      'NAME:.metadata.name,ZONE:.metadata.labels.example\\.com/zone,C:{.status.conditions[*].type}',
    );
    expect(columns.map(({ header }) => header)).toEqual(['NAME', 'ZONE', 'C']);
    expect(list.items.map((item) => customCells(columns, item))).toEqual([
      ['n1', 'a', 'Ready,Full'],
      ['n2', '<none>', 'Ready'],
    ]);
  });

  it('commas inside brackets belong to the path', () => {
    const columns = parseCustomColumns("A:.items[0,1].metadata.name,B:['kind','items'].x");
    expect(columns.map(({ header }) => header)).toEqual(['A', 'B']);
  });

  it.each(['', 'NAME', 'NAME:', ':.a'])('%j is refused', (spec) => {
    expect(() => parseCustomColumns(spec)).toThrow(UsageError);
  });
});
