/** The status a task's record amounts to. Pure; the reporter sends it when it differs from what is known. */
import type { ContainerStatus, TaskStatus } from '../../api/kinds/task.ts';
import { disruptionCondition, type TaskPhase } from '../../api/kinds/task-phase.ts';
import { resizeInProgress } from '../../api/kinds/task-resize.ts';
import { type Condition, type NewCondition, withCondition } from '../../api/meta/conditions.ts';
import { timestamp } from '../../api/meta/object-meta.ts';
import { qosClass } from './limits.ts';
import { isInPlace } from './resize.ts';
import { hasStarted, isEphemeral, isInit, isInitialised, isMain } from './task-order.ts';
import type { ContainerRecord, TaskRecord, Termination } from './task-record.ts';
import { containerSpec, isOver, isReady } from './task-record.ts';

/** `hostIP` is the node's address. Conditions of others in the task's present status are kept. */
export function taskStatus(record: TaskRecord, hostIP: string, nowMs: number): TaskStatus {
  const { task, containers, startedAtMs } = record;
  const inits = containers.filter(isInit);
  const ephemeral = containers.filter(isEphemeral);
  const phase = phaseOf(record);
  const why = reasonOf(record, phase);
  const finishedAtMs = Math.max(...containers.map(endOf));
  const { generation } = task.metadata;
  return {
    phase,
    ...why,
    conditions: conditionsOf(record, phase, nowMs),
    containerStatuses: containers.filter(isMain).map((container) => containerStatus(record, container)),
    ...(inits.length > 0
      ? { initContainerStatuses: inits.map((container) => containerStatus(record, container)) }
      : {}),
    ...(ephemeral.length > 0
      ? { ephemeralContainerStatuses: ephemeral.map((container) => containerStatus(record, container)) }
      : {}),
    qosClass: qosClass(task.spec),
    hostIP,
    addresses: [record.address ?? hostIP],
    startTime: timestamp(startedAtMs),
    ...(isOver(record) ? { finishTime: timestamp(finishedAtMs) } : {}),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
}

function phaseOf(record: TaskRecord): TaskPhase {
  const { containers } = record;
  if (isOver(record))
    return containers.every(hasSucceeded) && (record.eviction ?? record.fenced) === undefined
      ? 'Succeeded'
      : 'Failed';
  // Once running, a container that waits for its restart does not make the task pending again.
  const hasRun = ({ life, last }: ContainerRecord): boolean =>
    life.state === 'running' || life.state === 'ended' || last !== undefined;
  return containers.filter(isMain).every(hasRun) ? 'Running' : 'Pending';
}

function reasonOf(
  { containers, eviction, fenced }: TaskRecord,
  phase: TaskPhase,
): { reason?: string; message?: string } {
  if (phase !== 'Failed') return {};
  if (fenced !== undefined) return { reason: 'Fenced', message: fenced };
  if (eviction !== undefined) return { reason: eviction.reason, message: eviction.message };
  const failed = containers.flatMap((container) =>
    container.life.state === 'ended' && !hasSucceeded(container) ? [container.life.termination] : [],
  )[0];
  if (!failed) return {};
  const message = failed.message ?? `a container ended with exit code ${failed.exitCode}`;
  return { reason: failed.reason, message };
}

function conditionsOf(record: TaskRecord, phase: TaskPhase, nowMs: number): Condition[] {
  const { task, containers, startedAtMs } = record;
  const ready = containers.every(
    (container) => container.role === 'init' || isEphemeral(container) || isReady(container),
  );
  const over = phase === 'Succeeded' || phase === 'Failed';
  const readiness = {
    status: ready ? ('True' as const) : ('False' as const),
    ...(ready ? {} : { reason: over ? 'TaskCompleted' : 'ContainersNotReady' }),
  };
  let conditions = withCondition(task.status.conditions, { type: 'Scheduled', status: 'True' }, startedAtMs);
  conditions = withCondition(
    conditions,
    initialized(containers),
    !containers.some(isInit) ? startedAtMs : nowMs,
  );
  conditions = resizeConditions(conditions, record, nowMs);
  conditions = disruptionConditions(conditions, record, nowMs);
  conditions = withCondition(conditions, { type: 'ContainersReady', ...readiness }, nowMs);
  return withCondition(conditions, { type: 'Ready', ...readiness }, nowMs);
}

/** What Kubernetes says of a pod that its node gave up. */
function disruptionConditions(
  conditions: Condition[],
  { eviction, fenced }: TaskRecord,
  nowMs: number,
): Condition[] {
  const message = fenced ?? (eviction?.isOwnFault ? undefined : eviction?.message);
  if (message === undefined) return conditions;
  const disruption = { status: 'True', reason: 'TerminationByAgent', message } as const;
  return withCondition(conditions, { type: disruptionCondition, ...disruption }, nowMs);
}

/** In progress until every container has what its task was admitted. */
function resizeConditions(conditions: Condition[], record: TaskRecord, nowMs: number): Condition[] {
  const open = record.containers.filter((container) => !isInPlace(record, container));
  if (open.length === 0) return conditions.filter(({ type }) => type !== resizeInProgress);
  const problem = open.flatMap(({ life }) => (life.state === 'running' ? (life.resizeProblem ?? []) : []))[0];
  const why = problem === undefined ? {} : { reason: 'Error', message: problem };
  return withCondition(conditions, { type: resizeInProgress, status: 'True', ...why }, nowMs);
}

function initialized(containers: readonly ContainerRecord[]): NewCondition {
  const open = containers.filter((container) => isInit(container) && !isInitialised(container));
  const begun = containers.some((container) => isMain(container) && container.starts > 0);
  if (open.length === 0 || begun) return { type: 'Initialized', status: 'True' };
  const message = `containers with incomplete status: [${open.map(({ name }) => name).join(' ')}]`;
  return { type: 'Initialized', status: 'False', reason: 'ContainersNotInitialized', message };
}

function containerStatus(record: TaskRecord, container: ContainerRecord): ContainerStatus {
  const { name, role, life, restartCount, last } = container;
  const { image, resources } = containerSpec(record, container);
  const running = life.state === 'running' ? life : undefined;
  const ended = life.state === 'ended' ? life.termination : last;
  // One that was never made has none.
  const cid = running?.cid ?? (ended?.cid || undefined);
  return {
    name,
    ready: role === 'init' ? isInitialised(container) : isReady(container),
    started: hasStarted(container),
    restartCount,
    state: stateOf(container),
    ...(last ? { lastState: { terminated: terminated(last) } } : {}),
    ...(running && container.cpus !== undefined ? { cpus: container.cpus } : {}),
    ...(resources.requests ? { allocatedResources: resources.requests } : {}),
    ...(running?.resources ? { resources: running.resources } : {}),
    ...(image === undefined ? {} : { image }),
    ...(running ? { pid: running.pid } : {}),
    ...(cid === undefined ? {} : { containerID: `gantry://${cid}` }),
    ...(running?.imageID === undefined ? {} : { imageID: running.imageID }),
  };
}

function stateOf({ life }: ContainerRecord): ContainerStatus['state'] {
  switch (life.state) {
    case 'waiting':
      return {
        waiting: { reason: life.reason, ...(life.message === undefined ? {} : { message: life.message }) },
      };
    case 'starting':
      return { waiting: { reason: 'ContainerCreating' } };
    case 'running':
      return { running: { startedAt: timestamp(life.startedAtMs) } };
    case 'ended':
      return { terminated: terminated(life.termination) };
  }
}

function terminated({ cid, exitCode, reason, message, startedAtMs, finishedAtMs }: Termination) {
  return {
    exitCode,
    reason,
    ...(message === undefined ? {} : { message }),
    ...(startedAtMs === undefined ? {} : { startedAt: timestamp(startedAtMs) }),
    finishedAt: timestamp(finishedAtMs),
    containerID: `gantry://${cid}`,
  };
}

/** How a sidecar or an ephemeral container ends says nothing about its task. */
function hasSucceeded({ role, life }: ContainerRecord): boolean {
  return (
    life.state === 'ended' && (role === 'sidecar' || role === 'ephemeral' || life.termination.exitCode === 0)
  );
}

function endOf({ life, last }: ContainerRecord): number {
  return life.state === 'ended' ? life.termination.finishedAtMs : (last?.finishedAtMs ?? 0);
}
