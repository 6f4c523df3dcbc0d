/** Cores of their own: who gets some, which, and how lists of them are written. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Container } from '../../../api/kinds/task-spec.ts';
import { chooseCpus, ownCpuCount } from '../../../nodeagent/cpus/choose-cpus.ts';
import { formatCpuList, parseCpuList } from '../../../nodeagent/cpus/cpu-list.ts';

/** Two threads to a core: 0 and 4, 1 and 5, … */
const coreOf = (cpu: number): string => `${cpu % 4}`;

describe('the cores of a container', () => {
  it.each([
    [[0, 1, 2, 3, 4, 5, 6, 7], 2, [0, 4]],
    [[1, 2, 3, 5, 6], 2, [1, 5]],
    [[1, 2, 3, 5, 6], 4, [1, 2, 5, 6]],
    [[1, 2, 3], 2, [1, 2]],
    [[1, 2, 5], 3, [1, 2, 5]],
    [[1, 2, 3], 4, undefined],
    [[], 1, undefined],
  ])('of %j, %i are %j', (free, count, chosen) => {
    expect(chooseCpus(free, count, coreOf)).toEqual(chosen);
  });

  it('are as many as asked for, free, and each once', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: 0, max: 15 })),
        fc.integer({ min: 1, max: 16 }),
        (free, count) => {
          const chosen = chooseCpus(free, count, (cpu) => `${cpu >> 1}`);
          expect(chosen?.length).toBe(count <= free.length ? count : undefined);
          expect(new Set(chosen).size).toBe(chosen?.length ?? 0);
          for (const cpu of chosen ?? []) expect(free).toContain(cpu);
        },
      ),
    );
  });

  const both = (cpu: string, memory?: string): Container['resources'] => {
    const amounts = { cpu, ...(memory === undefined ? {} : { memory }) };
    return { requests: amounts, limits: amounts };
  };
  it.each([
    [2, [both('2', '1Gi')]],
    [1, [both('1000m', '1Gi'), both('500m', '1Gi')]],
    [0, [both('1500m', '1Gi')]],
    [0, [both('2')]],
    [0, [both('2', '1Gi'), {}]],
    [0, [{ requests: { cpu: '1', memory: '1Gi' }, limits: { cpu: '2', memory: '1Gi' } }]],
  ])('are %i for the first of %j', (count, all) => {
    const containers = all.map((resources, index): Container => ({ name: `c${index}`, resources }));
    expect(ownCpuCount({ containers }, containers[0]!)).toBe(count);
  });
});

it.each([
  ['0-3,8', [0, 1, 2, 3, 8]],
  ['5', [5]],
  ['', []],
])('%j is a list of cores', (text, cpus) => {
  expect(parseCpuList(`${text}\n`)).toEqual(cpus);
  expect(formatCpuList([...cpus].reverse())).toBe(text);
});
