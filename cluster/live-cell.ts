/** The cell as the API server has it now, for the questions of `why`, `plan` and `plan drain`. */
import {
  Job,
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  PriorityClass,
  StorageClass,
  Task,
} from '../api/kinds/resources.ts';
import { isTerminal } from '../api/kinds/task-phase.ts';
import type { Client } from '../client/client.ts';
import type { Profile } from '../scheduler/core/profile.ts';
import type { SchedulingTask } from '../scheduler/core/scheduling-task.ts';
import { chooseProfile, type ProfileFlags } from '../scheduler/profile-choice.ts';
import type { CellClaims } from '../scheduler/what-if/cell-claims.ts';

export interface LiveCell {
  nodes: Node[];
  tasks: Task[];
  namespaces: Namespace[];
  jobs: Job[];
  claims: CellClaims;
  /** Of the scheduler that is asked about. */
  profile: Profile;
  /** As the scheduler has it: not for classes that say Never. */
  mayPreempt: (task: SchedulingTask) => boolean;
}

export async function readLiveCell(client: Client, flags: ProfileFlags = {}): Promise<LiveCell> {
  const { profile } = await chooseProfile(flags);
  const [nodes, tasks, namespaces, jobs, classes, claims] = await Promise.all([
    client.list(Node),
    client.list(Task),
    client.list(Namespace),
    client.list(Job),
    client.list(PriorityClass),
    readClaims(client),
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
    claims,
    profile,
    mayPreempt: ({ priorityClassName = '' }) => !patient.has(priorityClassName),
  };
}

async function readClaims(client: Client): Promise<CellClaims> {
  const [claims, volumes, classes] = await Promise.all([
    client.list(PersistentVolumeClaim),
    client.list(PersistentVolume),
    client.list(StorageClass),
  ]);
  return { claims: claims.items, volumes: volumes.items, classes: classes.items };
}

/** Those that wait for a node. */
export function waitingTasks(tasks: readonly Task[]): Task[] {
  return tasks.filter(
    ({ metadata, spec, status }) =>
      spec.nodeName === undefined && !isTerminal(status.phase) && !metadata.deletionTimestamp,
  );
}
