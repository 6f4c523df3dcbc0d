/**
 * Carries out what `decideJob` decided: the writes of the job controller, all but the status.
 *
 * Invariant: each write stands on its own and may be the last one. Names are deterministic, so a create
 * that happened before shows as AlreadyExists; deletions name the uid they mean.
 */
import { Job, Task } from '../../api/kinds/resources.ts';
import { ApiError, hasReason } from '../../api/meta/api-error.ts';
import { controllerOf } from '../../api/meta/object-meta.ts';
import type { Client, DeleteParameters, ObjectKey } from '../../client/client.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';
import { type Action, type CreateTask, type DeleteTask, taskName } from './plan.ts';
import { taskDraft } from './task-template.ts';

export interface ActContext {
  client: Client;
  events: EventRecorder;
}

const deletesAtOnce = 16;
/** Creates grow from one to this many at once, so that a quota or a bad template costs one call, not thousands. */
const createsAtOnce = 64;

/** Does all deletions, then all creations. Throws the first error after the calls under way have ended. */
export async function act(job: Job, actions: readonly Action[], context: ActContext): Promise<void> {
  const deletions = actions.filter((action) => action.type === 'delete');
  const creations = actions.filter((action) => action.type === 'create');
  await deleteTasks(job, deletions, context);
  await createTasks(job, creations, context);
  if (actions.some(({ type }) => type === 'deleteJob')) await deleteJob(job, context.client);
}

async function deleteTasks(job: Job, deletions: readonly DeleteTask[], context: ActContext): Promise<void> {
  const done: string[] = [];
  try {
    for (let from = 0; from < deletions.length; from += deletesAtOnce) {
      const batch = deletions.slice(from, from + deletesAtOnce);
      await allOrFirstError(
        batch.map(async ({ task, reason }) => {
          if (await deleteTask(task, reason, context.client)) done.push(`${task.metadata.name} (${reason})`);
        }),
      );
    }
  } finally {
    report(job, { reason: 'SuccessfulDelete', verb: 'Deleted', names: done }, context.events);
  }
}

/** False when there was nothing to delete any more. */
async function deleteTask(
  { metadata }: Task,
  reason: DeleteTask['reason'],
  client: Client,
): Promise<boolean> {
  const { uid, resourceVersion } = metadata;
  const preconditions: DeleteParameters['preconditions'] = {
    ...(uid === undefined ? {} : { uid }),
    // A lost task that has just been heard again is not lost.
    ...(reason === 'Lost' && resourceVersion !== undefined ? { resourceVersion } : {}),
  };
  try {
    await client.delete(Task, keyIn(metadata.namespace, metadata.name), { preconditions });
    return true;
  } catch (error) {
    // It went, or changed, meanwhile: its event brings the job back here.
    if (hasReason(error, 'NotFound', 'Conflict')) return false;
    throw error;
  }
}

async function createTasks(job: Job, creations: readonly CreateTask[], context: ActContext): Promise<void> {
  const done: string[] = [];
  try {
    for (
      let from = 0, size = 1;
      from < creations.length;
      from += size, size = Math.min(createsAtOnce, size * 2)
    ) {
      const batch = creations.slice(from, from + size);
      await allOrFirstError(
        batch.map(async (action) => {
          if (await createTask(job, action, context.client))
            done.push(taskName(job, action.index, action.attempt));
        }),
      );
    }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    context.events.record(job, { type: 'Warning', reason: 'FailedCreate', message });
    throw error;
  } finally {
    report(job, { reason: 'SuccessfulCreate', verb: 'Created', names: done }, context.events);
  }
}

/** False when an earlier run of this controller made the task already. */
async function createTask(job: Job, action: CreateTask, client: Client): Promise<boolean> {
  try {
    await client.create(Task, taskDraft(job, action));
    return true;
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists')) throw error;
  }
  const name = taskName(job, action.index, action.attempt);
  const existing = await client.get(Task, keyIn(job.metadata.namespace, name));
  if (controllerOf(existing)?.uid === job.metadata.uid) return false;
  throw new ApiError('Conflict', `task ${name} exists and belongs to somebody else`);
}

async function deleteJob({ metadata }: Job, client: Client): Promise<void> {
  const { uid, resourceVersion } = metadata;
  const preconditions: DeleteParameters['preconditions'] = {
    ...(uid === undefined ? {} : { uid }),
    // A TTL that has just been raised counts.
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
  try {
    const parameters: DeleteParameters = { preconditions, propagationPolicy: 'Background' };
    await client.delete(Job, keyIn(metadata.namespace, metadata.name), parameters);
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}

export function keyIn(namespace: string | undefined, name: string): ObjectKey {
  return namespace === undefined ? { name } : { namespace, name };
}

/** Waits for all, so that nothing goes on behind the caller's back, then throws the first error. */
async function allOrFirstError(work: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

const namesShown = 5;

function report(
  job: Job,
  { reason, verb, names }: { reason: string; verb: string; names: readonly string[] },
  events: EventRecorder,
): void {
  if (names.length === 0) return;
  const shown = names.slice(0, namesShown).join(', ');
  const more = names.length > namesShown ? ` and ${names.length - namesShown} more` : '';
  const what = names.length === 1 ? 'task' : `${names.length} tasks:`;
  events.record(job, { type: 'Normal', reason, message: `${verb} ${what} ${shown}${more}` });
}
