/** What a task may say of where it goes relative to other tasks: the schema and its rules. */
import { describe, expect, test } from 'vitest';
import { type Task, taskKind } from '../../../api/kinds/task.ts';
import type { AnyObject } from '../../../api/meta/object-meta.ts';
import { compileSchema } from '../../../api/server/schema.ts';

const schema = compileSchema(taskKind.schema);

function problems(spec: object): string[] {
  const draft = {
    apiVersion: 'gantry.dev/v1',
    kind: 'Task',
    metadata: { name: 'web-0-0', namespace: 'default' },
    spec: { containers: [{ name: 'main', image: 'busybox' }], ...spec },
    status: {},
  } as unknown as AnyObject;
  schema.applyDefaults(draft);
  const causes = schema.validate(draft);
  const own = causes.length > 0 ? [] : (taskKind.strategy.validate?.(draft as unknown as Task) ?? []);
  return [...causes, ...own].map(({ field, message }) => `${field}: ${message}`);
}

const spread = (words: object = {}): object => ({
  topologySpreadConstraints: [
    {
      maxSkew: 1,
      topologyKey: 'zone',
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: { matchLabels: { app: 'web' } },
      ...words,
    },
  ],
});

const apart = (term: object, kind = 'podAntiAffinity'): object => ({
  affinity: { [kind]: { requiredDuringSchedulingIgnoredDuringExecution: [term] } },
});

describe('topologySpreadConstraints', () => {
  test('as Kubernetes has them are taken', () => {
    expect(
      problems(spread({ minDomains: 3, matchLabelKeys: ['version'], nodeTaintsPolicy: 'Honor' })),
    ).toEqual([]);
  });

  test.each([
    ['a maxSkew of 0', { maxSkew: 0 }, /spec.topologySpreadConstraints\[0\].maxSkew: /],
    ['an empty topologyKey', { topologyKey: '' }, /topologySpreadConstraints\[0\].topologyKey: /],
    [
      'a topologyKey that is no label',
      { topologyKey: 'a b' },
      /topologySpreadConstraints\[0\].topologyKey: /,
    ],
    ['an unknown word', { whenUnsatisfiable: 'Never' }, /whenUnsatisfiable: /],
    [
      'minDomains of a soft constraint',
      { whenUnsatisfiable: 'ScheduleAnyway', minDomains: 2 },
      /minDomains: can only be set when whenUnsatisfiable is DoNotSchedule/,
    ],
    [
      'a key the selector has already',
      { matchLabelKeys: ['app'] },
      /matchLabelKeys\[0\]: is already in labelSelector/,
    ],
    [
      'matchLabelKeys without a selector',
      { labelSelector: undefined, matchLabelKeys: ['app'] },
      /matchLabelKeys: may not be set without labelSelector/,
    ],
    [
      'In without values',
      { labelSelector: { matchExpressions: [{ key: 'app', operator: 'In' }] } },
      /labelSelector.matchExpressions\[0\].values: must be specified/,
    ],
  ])('%s is refused', (_name, words, problem) => {
    expect(problems(spread(words)).join('\n')).toMatch(problem);
  });

  test('two for one topology and word are refused', () => {
    const [one] = (spread() as { topologySpreadConstraints: object[] }).topologySpreadConstraints;
    expect(problems({ topologySpreadConstraints: [one, one] }).join()).toMatch(/Duplicate value/);
  });
});

describe('podAffinity and podAntiAffinity', () => {
  test('as Kubernetes has them are taken', () => {
    const term = {
      topologyKey: 'zone',
      labelSelector: { matchLabels: { app: 'web' } },
      namespaceSelector: {},
    };
    const weighted = { weight: 100, podAffinityTerm: term };
    for (const kind of ['podAffinity', 'podAntiAffinity']) {
      expect(problems(apart(term, kind))).toEqual([]);
      const preferred = { preferredDuringSchedulingIgnoredDuringExecution: [weighted] };
      expect(problems({ affinity: { [kind]: preferred } })).toEqual([]);
    }
  });

  test.each([
    ['a term without topologyKey', {}, /topologyKey/],
    ['an empty topologyKey', { topologyKey: '' }, /topologyKey/],
    ['a namespace that can be none', { topologyKey: 'zone', namespaces: ['A_B'] }, /namespaces\[0\]: /],
    [
      'Exists with values',
      {
        topologyKey: 'zone',
        namespaceSelector: { matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] },
      },
      /namespaceSelector.matchExpressions\[0\].values: may not be specified/,
    ],
  ])('%s is refused', (_name, term, problem) => {
    expect(problems(apart(term)).join('\n')).toMatch(problem);
  });

  test('a weight of 0 or 101 is refused', () => {
    for (const weight of [0, 101]) {
      const preferred = [{ weight, podAffinityTerm: { topologyKey: 'zone' } }];
      const affinity = { podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred } };
      expect(problems({ affinity }).join()).toMatch(/weight/);
    }
  });
});
