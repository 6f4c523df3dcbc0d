/**
 * The job controller: keeps the tasks of every job as `decideJob` wants them. Step 6 and 12 of the way.
 *
 * The cache may be behind: it only says that there may be something to do. What to do is decided once
 * more over a live read, so an old view never makes a duplicate or deletes the wrong task. Nothing that
 * matters is remembered between two runs; being killed between two writes costs only the time until the next.
 */
import { isDeepStrictEqual } from 'node:util';
import { jobNameLabel } from '../../api/kinds/job-labels.ts';
import { isFinished } from '../../api/kinds/job-state.ts';
import { Job, Task } from '../../api/kinds/resources.ts';
import { hasReason } from '../../api/meta/api-error.ts';
import type { Client } from '../../client/client.ts';
import {
  type ControllerDefinition,
  controller,
  type ReconcileContext,
  type Result,
} from '../../client/controller.ts';
import { act, keyIn } from './act.ts';
import { decideJob } from './decide.ts';
import type { JobDecision } from './plan.ts';
import { TurnPacer } from './turn-pacer.ts';

export function jobController(): ControllerDefinition {
  const pacer = new TurnPacer();
  return controller(Job)
    .owns(Task)
    .options({ name: 'job', concurrency: 8 })
    .reconcile((job, context) => reconcileJob(job, context, pacer));
}

export async function reconcileJob(
  job: Job,
  context: ReconcileContext,
  pacer: TurnPacer,
): Promise<Result | undefined> {
  const { clock, key } = context;
  const pauseMs = pacer.pauseMs(key, clock.monotonicMs());
  if (pauseMs > 0) return { requeueAfterMs: pauseMs };
  const tasks = context.cache(Task).ownedBy(job);
  const expected = decideJob(job, tasks, clock.now());
  const isQuiet = expected.actions.length === 0;
  const turn = isQuiet ? { job, decision: expected } : await actOnLive(job, context);
  if (!turn) return undefined;
  const isFruitless = !isQuiet && turn.decision.actions.length === 0;
  pacer.note(key, { tasks: tasks.length, isFruitless, nowMs: clock.monotonicMs() });
  return conclude(turn.job, turn.decision, context);
}

/** Decides over what there is now, and does it. Undefined when the job is gone. */
async function actOnLive(
  cached: Job,
  context: ReconcileContext,
): Promise<{ job: Job; decision: JobDecision } | undefined> {
  const live = await readLive(cached, context.client);
  if (!live) return undefined;
  const decision = decideJob(live.job, live.tasks, context.clock.now());
  const job = await reserveAttempts(live.job, decision, context.client);
  if (!job) return undefined;
  await act(job, decision.actions, context);
  return { job, decision };
}

/** An attempt is in the status before there is a task that has it. Undefined when the job changed or went. */
async function reserveAttempts(job: Job, { status }: JobDecision, client: Client): Promise<Job | undefined> {
  const { highestAttempt } = status;
  if (highestAttempt === undefined || highestAttempt === job.status.highestAttempt) return job;
  try {
    return await client.updateStatus(Job, { ...job, status: { ...job.status, highestAttempt } });
  } catch (error) {
    if (hasReason(error, 'Conflict', 'NotFound')) return undefined;
    throw error;
  }
}

/** The job and all tasks of its name, now. Undefined when the job is gone. */
async function readLive({ metadata }: Job, client: Client): Promise<{ job: Job; tasks: Task[] } | undefined> {
  try {
    const job = await client.get(Job, keyIn(metadata.namespace, metadata.name));
    if (job.metadata.uid !== metadata.uid) return undefined;
    const { items } = await client.list(Task, {
      ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
      labelSelector: `${jobNameLabel}=${metadata.name}`,
    });
    return { job, tasks: items };
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined;
    throw error;
  }
}

async function conclude(
  job: Job,
  { status, requeueAfterMs }: JobDecision,
  { client, events }: ReconcileContext,
): Promise<Result | undefined> {
  if (!isDeepStrictEqual(status, job.status)) {
    const isWritten = await writeStatus({ ...job, status }, client);
    if (isWritten && !isFinished(job) && isFinished({ status })) reportEnd({ ...job, status }, events);
  }
  return requeueAfterMs === undefined ? undefined : { requeueAfterMs };
}

/** False when the job changed or went meanwhile: its event brings it back here. */
async function writeStatus(job: Job, client: Client): Promise<boolean> {
  try {
    await client.updateStatus(Job, job);
    return true;
  } catch (error) {
    if (hasReason(error, 'Conflict', 'NotFound')) return false;
    throw error;
  }
}

function reportEnd(job: Job, events: ReconcileContext['events']): void {
  const end = job.status.conditions?.find(
    ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
  );
  const message = end?.message ?? '';
  if (end?.type === 'Complete') events.record(job, { type: 'Normal', reason: 'JobComplete', message });
  else events.record(job, { type: 'Warning', reason: end?.reason ?? 'Failed', message });
}
