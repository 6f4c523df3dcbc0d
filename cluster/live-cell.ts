/** The cell as the API server has it now, for the questions of `why`, `plan` and `plan drain`. */
import { Job, Namespace, Node, PriorityClass, Task } from '../api/kinds/resources.ts';
import { isTerminal } from '../api/kinds/task-phase.ts';
import type { Client } from '../client/client.ts';
import type { SchedulingTask } from '../scheduler/core/scheduling-task.ts';

export interface LiveCell {
  nodes: Node[];
  tasks: Task[];
  namespaces: Namespace[];
  jobs: Job[];
  /** As the scheduler has it: not for classes that say Never. */
  mayPreempt: (task: SchedulingTask) => boolean;
}

export async function readLiveCell(client: Client): Promise<LiveCell> {
  const [nodes, tasks, namespaces, jobs, classes] = await Promise.all([
    client.list(Node),
    client.list(Task),
    client.list(Namespace),
    client.list(Job),
    client.list(PriorityClass),
  ]);
  const patient = new Set(
    classes.items
      .filter(({ preemptionPolicy }) => preemptionPolicy === 'Never')
      .map(({ metadata }) => metadata.name),
  );
  return {
    nodes: nodes.items,
    tasks: tasks.items,
    namespaces: namespaces.items,
    jobs: jobs.items,
    mayPreempt: ({ priorityClassName = '' }) => !patient.has(priorityClassName),
  };
}

/** Those that wait for a node. */
export function waitingTasks(tasks: readonly Task[]): Task[] {
  return tasks.filter(
    ({ metadata, spec, status }) =>
      spec.nodeName === undefined && !isTerminal(status.phase) && !metadata.deletionTimestamp,
  );
}
