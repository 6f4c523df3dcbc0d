/** Ideas about the cell: what could happen to its nodes, and to the tasks that run on them. */
import { jobNameLabel } from '../../api/kinds/job-labels.ts';
import type { Node, Task } from '../../api/kinds/resources.ts';
import { isConditionTrue } from '../../api/meta/conditions.ts';
import { stateTaintPrefix } from '../core/plugins/taint-toleration.ts';
import type { Idea } from './counterfactual.ts';
import type { ForkedCell } from './forked-cell.ts';

const hostname = 'kubernetes.io/hostname';

export function nodeIdeas(cell: ForkedCell, task: Task): Idea[] {
  return [
    ...cell.nodes.filter(({ spec }) => spec.unschedulable).map(uncordoned),
    ...cell.nodes.filter(({ status }) => !isConditionTrue(status.conditions, 'Ready')).map(ready),
    ...jobEndings(cell, task),
    ...oneOfEachShape(cell.nodes).map(added),
  ];
}

function uncordoned(node: Node): Idea {
  return {
    kind: 'uncordon',
    text: `if node ${node.metadata.name} were uncordoned`,
    assumption: { nodes: [{ ...node, spec: { ...node.spec, unschedulable: false } }] },
  };
}

function ready(node: Node): Idea {
  return {
    kind: 'nodeReady',
    text: `if node ${node.metadata.name} were Ready`,
    assumption: {
      nodes: [{ ...well(node), spec: { ...well(node).spec, unschedulable: node.spec.unschedulable } }],
    },
  };
}

/** Ready, uncordoned, without taints that say otherwise. */
function well({ spec, status, ...node }: Node): Node {
  return {
    ...node,
    spec: {
      ...spec,
      unschedulable: false,
      taints: (spec.taints ?? []).filter(({ key }) => !key.startsWith(stateTaintPrefix)),
    },
    status: { ...status, conditions: [{ type: 'Ready', status: 'True' }] },
  };
}

function added(node: Node): Idea {
  return {
    kind: 'nodeAdded',
    text: `if one more node like ${node.metadata.name} came`,
    assumption: { nodes: [oneMoreLike(node)] },
  };
}

/** A well node of that shape; `number` tells several from each other. */
export function oneMoreLike(node: Node, number = 1): Node {
  const name = `${node.metadata.name}-more${number === 1 ? '' : `-${number}`}`;
  const labels = { ...node.metadata.labels, [hostname]: name };
  return { ...well(node), metadata: { name, labels } };
}

/** The first by name of all nodes that are alike but for their name. */
function oneOfEachShape(nodes: readonly Node[]): Node[] {
  const shapes = new Map<string, Node>();
  for (const node of [...nodes].sort((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1))) {
    const { [hostname]: _name, ...labels } = node.metadata.labels ?? {};
    const key = JSON.stringify([node.status.allocatable, labels, well(node).spec.taints]);
    if (!shapes.has(key)) shapes.set(key, node);
  }
  return [...shapes.values()];
}

/** Every job that has tasks here, those with the fewest first: what is least to wait for. */
function jobEndings({ tasks }: ForkedCell, { metadata, spec }: Task): Idea[] {
  const jobs = new Map<string, Task[]>();
  for (const task of tasks) {
    const name = task.spec.job ?? task.metadata.labels?.[jobNameLabel];
    if (name === undefined || (name === spec.job && task.metadata.namespace === metadata.namespace)) continue;
    const key = `${task.metadata.namespace}/${name}`;
    const ofJob = jobs.get(key);
    if (ofJob) ofJob.push(task);
    else jobs.set(key, [task]);
  }
  return [...jobs]
    .sort(([left, few], [right, many]) => few.length - many.length || (left < right ? -1 : 1))
    .map(([job, ended]) => ({
      kind: 'jobEnds',
      text: `when job ${job} ends (${ended.length} ${ended.length === 1 ? 'task' : 'tasks'})`,
      assumption: { ended },
    }));
}
