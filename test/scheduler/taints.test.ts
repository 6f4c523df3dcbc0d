/**
 * Taints, tolerations, cordon and readiness. The first two tables re-express kube-scheduler 1.20,
 * pkg/scheduler/framework/plugins/tainttoleration/taint_toleration_test.go.
 */
import { describe, expect, it } from 'vitest';
import type { Taint } from '../../api/kinds/node.ts';
import type { Toleration } from '../../api/kinds/task-spec.ts';
import { Cell } from './cell.ts';

const dedicated: Taint = { key: 'dedicated', value: 'user1', effect: 'NoSchedule' };

describe('TestTaintTolerationFilter', () => {
  const cases: { name: string; taints: Taint[]; tolerations?: Toleration[]; fits: boolean }[] = [
    {
      name: 'a pod having no tolerations can not be scheduled onto a node with nonempty taints',
      taints: [dedicated],
      fits: false,
    },
    {
      name: 'a pod which can be scheduled on a dedicated node assigned to user1 with effect NoSchedule',
      taints: [dedicated],
      tolerations: [{ key: 'dedicated', operator: 'Equal', value: 'user1', effect: 'NoSchedule' }],
      fits: true,
    },
    {
      name: 'a pod which can not be scheduled on a dedicated node assigned to user2 with effect NoSchedule',
      taints: [dedicated],
      tolerations: [{ key: 'dedicated', operator: 'Equal', value: 'user2', effect: 'NoSchedule' }],
      fits: false,
    },
    {
      name: 'a pod can be scheduled onto the node, with a toleration uses operator Exists that tolerates the taints on the node',
      taints: [{ key: 'foo', value: 'bar', effect: 'NoSchedule' }],
      tolerations: [{ key: 'foo', operator: 'Exists', effect: 'NoSchedule' }],
      fits: true,
    },
    {
      name: 'a pod has multiple tolerations, node has multiple taints, all the taints are tolerated',
      taints: [dedicated, { key: 'foo', value: 'bar', effect: 'NoSchedule' }],
      tolerations: [
        { key: 'dedicated', operator: 'Equal', value: 'user1', effect: 'NoSchedule' },
        { key: 'foo', operator: 'Exists', effect: 'NoSchedule' },
      ],
      fits: true,
    },
    {
      name: 'a pod has a toleration that keys and values match the taint on the node, but (non-empty) effect does not match',
      taints: [{ key: 'foo', value: 'bar', effect: 'NoSchedule' }],
      tolerations: [{ key: 'foo', operator: 'Equal', value: 'bar', effect: 'PreferNoSchedule' }],
      fits: false,
    },
    {
      name: 'the pod has a toleration that key and value match the taint, and its effect is empty',
      taints: [{ key: 'foo', value: 'bar', effect: 'NoSchedule' }],
      tolerations: [{ key: 'foo', operator: 'Equal', value: 'bar' }],
      fits: true,
    },
    {
      name: 'the pod has a toleration that does not match, but the effect of the taint is PreferNoSchedule',
      taints: [{ key: 'dedicated', value: 'user1', effect: 'PreferNoSchedule' }],
      tolerations: [{ key: 'dedicated', operator: 'Equal', value: 'user2', effect: 'NoSchedule' }],
      fits: true,
    },
    {
      name: 'the pod has no toleration, but the effect of the taint is PreferNoSchedule',
      taints: [{ key: 'dedicated', value: 'user1', effect: 'PreferNoSchedule' }],
      fits: true,
    },
    {
      name: 'a toleration of everything tolerates everything',
      taints: [dedicated, { key: 'x', effect: 'NoExecute' }],
      tolerations: [{ operator: 'Exists' }],
      fits: true,
    },
  ];
  it.each(cases)('$name', ({ taints, tolerations = [], fits }) => {
    expect(new Cell({ n1: { taints } }).decide({ tolerations }).node).toBe(fits ? 'n1' : undefined);
  });
});

describe('TestTaintTolerationScore', () => {
  const prefer = (key: string, value: string): Taint => ({ key, value, effect: 'PreferNoSchedule' });
  const tolerate = (key: string, value: string): Toleration => ({
    key,
    operator: 'Equal',
    value,
    effect: 'PreferNoSchedule',
  });
  const cases: { name: string; nodes: Record<string, Taint[]>; tolerations?: Toleration[]; best: string }[] =
    [
      {
        name: 'node with taints tolerated by the pod, gets a higher score than those node with intolerable taints',
        nodes: { nodeA: [prefer('foo', 'blah')], nodeB: [prefer('foo', 'bar')] },
        tolerations: [tolerate('foo', 'bar')],
        best: 'nodeB',
      },
      {
        name: 'the count of taints on a node that are not tolerated by pod, matters',
        nodes: {
          nodeA: [prefer('cpu', '64bit'), prefer('disk', 'ssd'), prefer('x', 'y')],
          nodeB: [prefer('cpu', '64bit'), prefer('disk', 'ssd')],
        },
        tolerations: [tolerate('foo', 'bar')],
        best: 'nodeB',
      },
      {
        name: 'Default behaviour No taints and tolerations, lands on node with no taints',
        nodes: { nodeA: [prefer('cpu', '64bit')], nodeB: [] },
        best: 'nodeB',
      },
      {
        name: 'taints that a toleration covers cost nothing: the name decides',
        nodes: { nodeA: [prefer('cpu', '64bit')], nodeB: [prefer('cpu', '64bit')] },
        tolerations: [tolerate('cpu', '64bit')],
        best: 'nodeA',
      },
    ];
  it.each(cases)('$name', ({ nodes, tolerations = [], best }) => {
    const cell = new Cell(
      Object.fromEntries(Object.entries(nodes).map(([name, taints]) => [name, { taints }])),
    );
    expect(cell.answer({ tolerations })).toBe(best);
  });
});

describe('cordon and readiness', () => {
  it('a cordoned node takes nothing new', () => {
    const cell = new Cell({ n1: { cordoned: true }, n2: {} });
    expect(cell.answer()).toBe('n2');
    expect(new Cell({ n1: { cordoned: true } }).answer()).toBe('0/1 nodes are available: 1 cordoned');
  });

  it('a task that tolerates the cordon may go there', () => {
    const tolerations: Toleration[] = [
      { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
    ];
    expect(new Cell({ n1: { cordoned: true } }).answer({ tolerations })).toBe('n1');
  });

  it('a node that is not ready takes nothing, whatever is tolerated', () => {
    const tolerations: Toleration[] = [{ operator: 'Exists' }];
    expect(new Cell({ n1: { ready: false } }).answer({ tolerations })).toBe(
      '0/1 nodes are available: 1 not ready',
    );
  });

  it('an intolerable taint is named', () => {
    expect(new Cell({ n1: { taints: [dedicated] } }).answer()).toBe(
      '0/1 nodes are available: 1 untolerated taint dedicated=user1:NoSchedule',
    );
  });
});
