/**
 * What a lost node means for a task. Job's field, carried into each of its tasks.
 *
 *   AtLeastOnce  it is replaced; until the node is back, two may run
 *   AtMostOnce   its node ends it when its lease cannot be renewed; only after that it is replaced
 */
import { oneOf } from './shapes.ts';

export const runPolicyShape = oneOf(
  ['AtLeastOnce', 'AtMostOnce'],
  'AtMostOnce: never two live copies of a task. A node that cannot renew its lease ends it, and it is replaced only after that. GANTRY_TASK_ATTEMPT is its fencing token.',
);
