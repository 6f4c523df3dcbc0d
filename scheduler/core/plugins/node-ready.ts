/** Only a node whose condition Ready is True takes new tasks. */
import { feasible, type Plugin } from '../plugin.ts';

export const nodeReady = {
  name: 'NodeReady',
  readsNodeFactsOnly: true,

  preFilter: () => ({}),

  filter(_state, { size, ready }, { column, mark }) {
    for (let slot = 0; slot < size; slot++) {
      if (ready[slot] === 0 && column[slot] === feasible) column[slot] = mark;
    }
  },

  admits: (_state, { ready }, slot) => ready[slot] === 1,

  explain: () => [{ reason: 'not ready' }],

  hint: (event, _task, { ready }) =>
    event.type === 'NodeAdded'
      ? ready[event.slot] === 1
      : event.type === 'NodeChanged' && event.changes.has('ready'),
} satisfies Plugin<object>;
