/**
 * Plugins of one's own for the scheduler: `scheduler/main --plugins docs/examples/scheduler-plugins.ts`.
 * Each answers from the task and the node it is given, and from nothing else.
 */
import type { UserPlugin } from '../../scheduler/user-plugins/user-plugin.ts';

/** Tasks with the label `licence` go only where a node has that licence. */
const licences: UserPlugin = {
  name: 'Licences',
  filter({ labels: { licence } }, node) {
    if (licence === undefined) return undefined;
    return node.labels[`licences/${licence}`] === undefined ? `without a licence for ${licence}` : undefined;
  },
};

/** Of the nodes that will do, those in the sun. */
const sunny: UserPlugin = {
  name: 'Sunny',
  weight: 5,
  score: (_task, node) => (node.labels['energy'] === 'solar' ? 100 : 0),
};

export default [licences, sunny];
