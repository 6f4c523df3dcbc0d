/** nodeSelector and node affinity. Cases of kube-scheduler 1.20, pkg/scheduler/framework/plugins/nodeaffinity/node_affinity_test.go. */
import { describe, expect, it } from 'vitest';
import type { NodeSelectorTerm } from '../../api/kinds/task-spec.ts';
import { Cell } from './cell.ts';

type Expression = NonNullable<NodeSelectorTerm['matchExpressions']>[number];

const is = (key: string, operator: Expression['operator'], ...values: string[]): Expression => ({
  key,
  operator,
  ...(values.length > 0 ? { values } : {}),
});
const required = (...nodeSelectorTerms: NodeSelectorTerm[]) => ({
  affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
});
const all = (...matchExpressions: Expression[]): NodeSelectorTerm => ({ matchExpressions });
const named = (operator: 'In' | 'NotIn', ...values: string[]): NodeSelectorTerm => ({
  matchFields: [{ key: 'metadata.name', operator, values }],
});

describe('TestNodeAffinity: nodeSelector', () => {
  const cases: [
    name: string,
    selector: Record<string, string>,
    labels: Record<string, string>,
    fits: boolean,
  ][] = [
    ['no selector', {}, {}, true],
    ['missing labels', { foo: 'bar' }, {}, false],
    ['same labels', { foo: 'bar' }, { foo: 'bar' }, true],
    ['node labels are superset', { foo: 'bar' }, { foo: 'bar', baz: 'blah' }, true],
    ['node labels are subset', { foo: 'bar', baz: 'blah' }, { foo: 'bar' }, false],
  ];
  it.each(cases)('%s', (_name, nodeSelector, labels, fits) => {
    expect(new Cell({ n1: { labels } }).decide({ nodeSelector }).node).toBe(fits ? 'n1' : undefined);
  });
});

describe('TestNodeAffinity: required terms', () => {
  const labels = { foo: 'bar', 'kernel-version': '0206', GPU: 'NVIDIA-GRID-K1' };
  const cases: [name: string, terms: NodeSelectorTerm[], fits: boolean][] = [
    ['In operator that matches the existing node', [all(is('foo', 'In', 'bar', 'value2'))], true],
    ['Gt operator that matches the existing node', [all(is('kernel-version', 'Gt', '0204'))], true],
    ['Lt operator that does not match', [all(is('kernel-version', 'Lt', '0204'))], false],
    ['Gt of a label that is no number', [all(is('foo', 'Gt', '1'))], false],
    ['NotIn operator that matches the existing node', [all(is('mem-type', 'NotIn', 'DDR', 'DDR2'))], true],
    ['Exists operator that matches the existing node', [all(is('GPU', 'Exists'))], true],
    ['affinity that does not match', [all(is('foo', 'In', 'value1', 'value2'))], false],
    ['an empty NodeSelectorTerm is not matched', [{}], false],
    [
      'an empty MatchExpressions is not a valid value, will match no objects',
      [{ matchExpressions: [] }],
      false,
    ],
    [
      'multiple matchExpressions ANDed that matches',
      [all(is('GPU', 'Exists'), is('GPU', 'NotIn', 'AMD', 'INTER'))],
      true,
    ],
    [
      'multiple matchExpressions ANDed that does not match',
      [all(is('GPU', 'Exists'), is('GPU', 'In', 'AMD'))],
      false,
    ],
    [
      'multiple NodeSelectorTerms ORed',
      [all(is('foo', 'In', 'bar', 'value2')), all(is('diffkey', 'In', 'wrong'))],
      true,
    ],
    ['matchFields In matches', [named('In', 'n1')], true],
    ['matchFields In does not match', [named('In', 'n2')], false],
    ['matchFields NotIn', [named('NotIn', 'n1')], false],
    [
      'two terms: matchFields does not match, but matchExpressions matches',
      [named('In', 'n2'), all(is('foo', 'In', 'bar'))],
      true,
    ],
    [
      'one term: matchFields does not match, but matchExpressions matches',
      [{ ...named('In', 'n2'), ...all(is('foo', 'In', 'bar')) }],
      false,
    ],
    [
      'one term: both matchFields and matchExpressions match',
      [{ ...named('In', 'n1'), ...all(is('foo', 'In', 'bar')) }],
      true,
    ],
    ['two terms: neither matches', [named('In', 'n2'), all(is('foo', 'In', 'not-match-to-bar'))], false],
  ];
  it.each(cases)('%s', (_name, terms, fits) => {
    expect(new Cell({ n1: { labels } }).decide(required(...terms)).node).toBe(fits ? 'n1' : undefined);
  });

  it('nodeSelector and affinity must both hold', () => {
    const cell = new Cell({ n1: { labels } });
    const both = { ...required(all(is('foo', 'Exists'))), nodeSelector: { foo: 'bar' } };
    expect(cell.answer(both)).toBe('n1');
    expect(cell.answer({ ...both, nodeSelector: { foo: 'bar1' } })).toBe(
      '0/1 nodes are available: 1 not matching nodeSelector',
    );
  });
});

describe('TestNodeAffinityPriority', () => {
  const labels1 = { foo: 'bar' };
  const labels2 = { key: 'value' };
  const labels3 = { az: 'az1' };
  const labels5 = { foo: 'bar', key: 'value', az: 'az1' };
  const affinity1 = [{ weight: 2, preference: all(is('foo', 'In', 'bar')) }];
  const affinity2 = [
    { weight: 2, preference: all(is('foo', 'In', 'bar')) },
    { weight: 4, preference: all(is('key', 'In', 'value')) },
    { weight: 5, preference: all(is('foo', 'In', 'bar'), is('key', 'In', 'value'), is('az', 'In', 'az1')) },
  ];
  const scoreOf = (labels: Record<string, string>[], preferred: typeof affinity1) => {
    const cell = new Cell(
      Object.fromEntries(labels.map((one, index) => [`machine${index + 1}`, { labels: one }])),
    );
    return cell.decide({
      affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred } },
    });
  };

  it('no machine matches preferred scheduling requirements in NodeAffinity of pod so all machines priority is zero', () => {
    expect(scoreOf([labels2, labels3], affinity1)).toMatchObject({
      node: 'machine1',
      scores: [{ plugin: 'NodeAffinity', score: 0 }, { plugin: 'BestFit' }],
    });
  });

  it('only machine1 matches the preferred scheduling requirements of pod', () => {
    expect(scoreOf([labels1, labels2, labels3], affinity1)).toMatchObject({
      node: 'machine1',
      scores: [{ plugin: 'NodeAffinity', score: 100 }, { plugin: 'BestFit' }],
    });
  });

  it('all machines matches the preferred scheduling requirements of pod but with different priorities', () => {
    expect(scoreOf([labels1, labels5, labels2], affinity2)).toMatchObject({ node: 'machine2' });
    expect(scoreOf([labels1, labels2], affinity2)).toMatchObject({ node: 'machine2' });
  });
});
