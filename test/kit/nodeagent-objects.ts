/** Tasks and records as tests of the node agent want them: small, complete, changed in one place. */

import type { Task } from '../../api/kinds/resources.ts';
import type { Container } from '../../api/kinds/task-spec.ts';
import type { DeepPartial } from '../../client/client.ts';
import type { GroupUsage } from '../../nodeagent/cgroup/cgroups.ts';
import { type ContainerRecord, newRecord, type TaskRecord } from '../../nodeagent/task/task-record.ts';

export const testUid = '0123abcd-4567-89ef-0123-456789abcdef';

export function container(changes: DeepPartial<Container> = {}): Container {
  return { name: 'main', command: ['true'], resources: {}, ...changes } as Container;
}

export function task({
  metadata,
  spec,
  status,
}: {
  metadata?: object;
  spec?: DeepPartial<Task['spec']>;
  status?: object;
} = {}): Task {
  return {
    apiVersion: 'gantry.dev/v1',
    kind: 'Task',
    metadata: { name: 'web-0-0', namespace: 'default', uid: testUid, ...metadata },
    spec: {
      containers: [container()],
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 30,
      schedulerName: 'default-scheduler',
      job: 'web',
      index: 0,
      attempt: 0,
      ...spec,
    } as Task['spec'],
    status: { phase: 'Pending', ...status } as Task['status'],
  };
}

/** A record whose only container is as `container` says. */
export function record(
  of: Task = task(),
  changes: Partial<TaskRecord> = {},
  container: Partial<ContainerRecord> = {},
): TaskRecord {
  const made = newRecord(of, 1_000_000);
  return { ...made, containers: made.containers.map((each) => ({ ...each, ...container })), ...changes };
}

export function groupUsage(changes: Partial<GroupUsage> = {}): GroupUsage {
  const memory = { memoryBytes: 0, workingSetBytes: 0, rssBytes: 0 };
  return { cpuNanos: 0, throttledPeriods: 0, ...memory, pids: 0, oomKills: 0, ...changes };
}
