/** What `port-forward` names: a task, a job's first running task, or a ready task behind a service and its ports. */
import { Service, Task } from '../api/kinds/resources.ts';
import { targetPortNumber } from '../api/kinds/task-address.ts';
import { ApiError } from '../api/meta/api-error.ts';
import { isConditionTrue } from '../api/meta/conditions.ts';
import type { Session } from './command.ts';
import { checkName } from './target.ts';
import { byName } from './task-arrivals.ts';
import { taskNamed } from './task-exec.ts';

export interface ForwardTarget {
  task: string;
  /** The task's port for one the user wrote. Throws ApiError BadRequest when the service has no such port. */
  portOf: (port: number) => number;
}

/** `word` is a task, task/NAME, job/NAME or svc/NAME. Throws UsageError and ApiError NotFound. */
export async function forwardTarget(word: string, session: Session): Promise<ForwardTarget> {
  const [type = '', name, ...more] = word.split('/');
  const isService =
    name !== undefined && more.length === 0 && (await session.discovery.one(type)).kind === Service.kind;
  if (!isService) return { task: await taskNamed(word, session), portOf: (port) => port };
  checkName(name);
  const { client, namespace } = session;
  const service = await client.get(Service, { namespace, name });
  const task = await taskBehind(service, session);
  return { task: task.metadata.name, portOf: (port) => servicePort(service, task, port) };
}

async function taskBehind({ metadata, spec }: Service, { client, namespace }: Session): Promise<Task> {
  const labelSelector = Object.entries(spec.selector ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  const items = labelSelector === '' ? [] : (await client.list(Task, { namespace, labelSelector })).items;
  const ready = items.sort(byName).find(({ status }) => isConditionTrue(status.conditions, 'Ready'));
  if (ready) return ready;
  throw new ApiError('NotFound', `service ${metadata.name} has no ready task in namespace ${namespace}`);
}

function servicePort({ metadata, spec }: Service, task: Task, port: number): number {
  const found = (spec.ports ?? []).find((each) => each.port === port && each.protocol === 'TCP');
  const number =
    found && targetPortNumber(task.spec, { targetPort: found.targetPort ?? port, protocol: 'TCP' });
  if (number !== undefined) return number;
  throw new ApiError('BadRequest', `service ${metadata.name} has no port ${port} that its tasks have, too`);
}
