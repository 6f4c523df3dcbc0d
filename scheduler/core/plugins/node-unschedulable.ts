/** A cordoned node takes nothing new, but from tasks that tolerate being there (as in kube-scheduler). */
import type { Taint } from '../../../api/kinds/node.ts';
import { taints } from '../../../api/kinds/taints.ts';
import { feasible, type Plugin } from '../plugin.ts';
import { tolerates } from './taint-toleration.ts';

const cordon: Taint = { key: taints.unschedulable, effect: 'NoSchedule' };

export const nodeUnschedulable = {
  name: 'NodeUnschedulable',
  readsNodeFactsOnly: true,

  preFilter: ({ tolerations }) => (tolerates(tolerations, cordon) ? undefined : {}),

  filter(_state, { size, unschedulable }, { column, mark }) {
    for (let slot = 0; slot < size; slot++) {
      if (unschedulable[slot] === 1 && column[slot] === feasible) column[slot] = mark;
    }
  },

  admits: (_state, { unschedulable }, slot) => unschedulable[slot] === 0,

  explain: () => [{ reason: 'cordoned' }],

  hint: (event, _task, { unschedulable }) =>
    event.type === 'NodeAdded'
      ? unschedulable[event.slot] === 0
      : event.type === 'NodeChanged' && event.changes.has('uncordoned'),
} satisfies Plugin<object>;
