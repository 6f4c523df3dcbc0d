/** Cordon and readiness, and the taints that go with them. kube-scheduler's tables of taints are among peers/. */
import { describe, expect, it } from 'vitest';
import type { Taint } from '../../api/kinds/node.ts';
import type { Toleration } from '../../api/kinds/task-spec.ts';
import { Cell } from './cell.ts';

const dedicated: Taint = { key: 'dedicated', value: 'user1', effect: 'NoSchedule' };

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
