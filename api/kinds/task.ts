/**
 * Task: one instance of a job, placed on one node. What runs.
 *
 *   Pending ──▶ Running ──▶ Succeeded | Failed      (terminal; resources are free from here on)
 *      └───────────┴──▶ Unknown ──▶ any of the others (the node cannot be heard)
 */
import { isDeepStrictEqual } from 'node:util';
import type { Static } from 'typebox';
import Type from 'typebox';
import type { Cause } from '../meta/api-error.ts';
import { ageColumn, defineKind } from './define-kind.ts';
import { gangShape } from './gang.ts';
import { names } from './names.ts';
import { runPolicyShape } from './run-policy.ts';
import {
  closedObject,
  conditionsShape,
  count,
  flag,
  list,
  objectShape,
  oneOf,
  optional,
  quantities,
  stringMap,
  text,
  time,
  withDefault,
} from './shapes.ts';
import { resourcesShape } from './task-container.ts';
import { ephemeralContainerShape, validateEphemeral } from './task-ephemeral.ts';
import { isTerminal, type TaskPhase, taskPhases, taskTransitions } from './task-phase.ts';
import { carryResize } from './task-resize.ts';
import { defaultTemplateSpec, templateSpecFields, validateTemplateSpec } from './task-spec.ts';

export { isTerminal, type TaskPhase, taskPhases, taskTransitions };

export const taskSpecShape = closedObject(
  {
    ...templateSpecFields,
    ephemeralContainers: optional(
      list(ephemeralContainerShape, 'Added while it runs, through the subresource ephemeralcontainers.', {
        maxItems: 50,
        mapKeys: ['name'],
      }),
    ),
    nodeName: optional(text('Node the task is bound to. Set once, through the binding subresource.')),
    devices: optional(
      Type.Unsafe<Record<string, number>>({
        type: 'object',
        additionalProperties: { type: 'integer', minimum: 1, maximum: 1000 },
        description:
          'Thousandths of the GPUs of the node that are set aside for it, by name. Set when it is bound.',
      }),
    ),
    claimPaths: optional(
      stringMap('Where on the node the volumes of its claims are, by claim. Set when it is bound.'),
    ),
    priority: optional(Type.Integer({ description: 'Resolved from priorityClassName by the server.' })),
    job: optional(text('Job this task belongs to.')),
    gang: optional(gangShape),
    index: optional(count("Which of the job's tasks this is, from 0.")),
    runPolicy: optional(runPolicyShape),
    attempt: optional(count('How often this index was tried before, from 0; grows with every replacement.')),
  },
  { description: 'What runs, and where.' },
);

const containerStateShape = closedObject(
  {
    waiting: optional(closedObject({ reason: optional(Type.String()), message: optional(Type.String()) })),
    running: optional(closedObject({ startedAt: optional(time('When it started.')) })),
    terminated: optional(
      closedObject({
        exitCode: Type.Integer(),
        signal: optional(Type.Integer()),
        reason: optional(text('Completed, Error, OOMKilled, ContainerCannotRun, ContainerStatusUnknown.')),
        message: optional(Type.String()),
        startedAt: optional(time('When it started.')),
        finishedAt: optional(time('When it ended.')),
        containerID: optional(Type.String()),
      }),
    ),
  },
  { description: 'One of waiting, running and terminated.' },
);

export const containerStatusShape = closedObject(
  {
    name: Type.String(),
    ready: flag('Whether it runs and its readiness probe, if there is one, passes.'),
    started: optional(flag('Whether it runs and its startup probe, if there is one, has passed.')),
    restartCount: count('How often the agent started it again.'),
    state: withDefault(containerStateShape, {}),
    lastState: optional(containerStateShape),
    resources: optional(resourcesShape),
    allocatedResources: optional(quantities('Requests that are set aside for it on the node.')),
    cpus: optional(
      text('Cores of its node that are its alone, such as 2-3 (agent flag --cpu-policy static).'),
    ),
    image: optional(Type.String()),
    imageID: optional(Type.String()),
    containerID: optional(Type.String()),
    pid: optional(
      Type.Integer({ description: "Process id of the container's first process, in the node's namespace." }),
    ),
  },
  { description: 'How one container is doing.' },
);

/** The structured answer to "why is it pending?". */
const pendingShape = closedObject(
  {
    reason: text('One CamelCase word: Unschedulable, NoNodes, …'),
    message: text('The same for people, in one line.'),
    since: time('Since when it has been pending for this reason.'),
    nodes: optional(
      closedObject({
        total: count('Nodes looked at.'),
        rejected: list(
          closedObject({
            filter: text('The plugin that said no.'),
            reason: text('What it said.'),
            count: count('How many nodes it said it of.'),
          }),
          'Rejections, grouped, most frequent first.',
        ),
      }),
    ),
    closest: optional(
      closedObject({
        node: text('The node that lacks the least.'),
        short: stringMap('What it lacks, per resource.'),
      }),
    ),
  },
  { description: 'Why the task is not running yet.' },
);

const usageShape = closedObject(
  {
    time: time('When it was summed up. A steady task is not reported again.'),
    windowSeconds: count('How long it was measured, at most five minutes.'),
    p50: quantities('Half of the time it used no more: cpu, and memory as working set.'),
    p95: quantities('19 of 20 measurements were no more.'),
    p99: quantities('99 of 100 measurements were no more.'),
    peak: quantities('The most that was measured.'),
  },
  { description: 'What the task has used lately.' },
);

export const taskStatusShape = closedObject(
  {
    phase: withDefault(oneOf(taskPhases, 'Where the task is in its life.'), 'Pending'),
    reason: optional(text('One CamelCase word: why it is in this phase (NodeLost, OOMKilled, Evicted, …).')),
    message: optional(Type.String()),
    conditions: optional(conditionsShape),
    containerStatuses: optional(list(containerStatusShape, 'One per container.', { mapKeys: ['name'] })),
    ephemeralContainerStatuses: optional(
      list(containerStatusShape, 'One per ephemeral container.', { mapKeys: ['name'] }),
    ),
    initContainerStatuses: optional(
      list(containerStatusShape, 'One per init container, in their order.', { mapKeys: ['name'] }),
    ),
    pending: optional(pendingShape),
    nominatedNodeName: optional(
      text('Node that room is being made on for the task; it is bound once those in its way have ended.'),
    ),
    qosClass: optional(
      oneOf(
        ['Guaranteed', 'Burstable', 'BestEffort'],
        'Who is the last, and the first, to go when memory runs out.',
      ),
    ),
    usage: optional(usageShape),
    hostIP: optional(text('Address of the node.')),
    addresses: optional(
      list(
        Type.String(),
        "Where its ports are reached: the node's address, or its own when it is isolated.",
        {
          maxItems: 2,
        },
      ),
    ),
    startTime: optional(time('When the node took the task on.')),
    finishTime: optional(time('When its last container ended.')),
    observedGeneration: optional(Type.Integer()),
  },
  { description: 'What is, as the node agent last reported it.' },
);

const taskShape = objectShape(
  names.Task,
  { spec: taskSpecShape, status: withDefault(taskStatusShape, {}) },
  'One instance of a job, placed on one node.',
);

export type Task = Static<typeof taskShape>;
export type TaskSpec = Static<typeof taskSpecShape>;
export type TaskStatus = Static<typeof taskStatusShape>;
export type ContainerStatus = Static<typeof containerStatusShape>;
export type ContainerState = Static<typeof containerStateShape>;
export type Pending = Static<typeof pendingShape>;

export const taskKind = defineKind<Task>({
  ...names.Task,
  description: 'One instance of a job, placed on one node.',
  schema: taskShape,
  statusSubresource: true,
  selectableFields: {
    'spec.nodeName': ({ spec }) => spec.nodeName,
    'spec.job': ({ spec }) => spec.job,
    'spec.schedulerName': ({ spec }) => spec.schedulerName,
    'status.phase': ({ status }) => status.phase,
  },
  columns: [
    {
      name: 'Name',
      type: 'string',
      format: 'name',
      description: 'Name of the task.',
      cell: ({ metadata }) => metadata.name,
    },
    { name: 'Ready', type: 'string', description: 'Containers that run, of all.', cell: readyCell },
    {
      name: 'Status',
      type: 'string',
      description: 'Phase, or the reason that matters more.',
      cell: statusCell,
    },
    {
      name: 'Restarts',
      type: 'integer',
      description: 'Restarts of its containers.',
      cell: ({ status }) =>
        (status.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0),
    },
    {
      name: 'Node',
      type: 'string',
      description: 'Node it is bound to.',
      cell: ({ spec }) => spec.nodeName ?? '<none>',
    },
    ageColumn,
    {
      name: 'Job',
      type: 'string',
      priority: 1,
      description: 'Job it belongs to.',
      cell: ({ spec }) => spec.job ?? '<none>',
    },
    {
      name: 'IP',
      type: 'string',
      priority: 1,
      description: 'Address of its ports.',
      cell: ({ status }) => status.addresses?.[0] ?? status.hostIP ?? '<none>',
    },
    {
      name: 'Why',
      type: 'string',
      priority: 1,
      description: 'Why it is pending.',
      cell: ({ status }) => status.pending?.message ?? status.message ?? '',
    },
  ],
  strategy: {
    applyDefaults: ({ spec }) => {
      defaultTemplateSpec(spec);
      spec.restartPolicy ??= 'Always';
    },
    validate: validateTask,
    validateStatus: (task, old) => {
      carryResize(task, old);
      return phaseTransitionCauses(task.status.phase, old.status.phase);
    },
    gracePeriodSeconds: ({ spec, status }) =>
      spec.nodeName === undefined || isTerminal(status.phase) ? 0 : spec.terminationGracePeriodSeconds,
  },
});

/** What a person wants to read in the STATUS column. */
export function statusCell({ metadata, spec, status }: Task): string {
  if (metadata.deletionTimestamp) return status.phase === 'Unknown' ? 'Unknown' : 'Terminating';
  const initial = initialCell(status);
  if (initial) return initial;
  const reasons = (status.containerStatuses ?? []).flatMap(({ state }) => [
    state.waiting?.reason,
    state.terminated?.reason,
  ]);
  const reason = reasons.find((word) => word !== undefined && word !== 'Completed');
  if (status.phase === 'Succeeded') return 'Succeeded';
  if (reason) return reason;
  if (status.phase === 'Pending') return spec.nodeName === undefined ? 'Pending' : 'Starting';
  return status.reason ?? status.phase;
}

/** kubectl's words while init containers have not all done their part: `Init:0/2`, `Init:Error`. */
function initialCell({ phase, initContainerStatuses: all = [] }: Task['status']): string | undefined {
  if (phase === 'Running' || phase === 'Succeeded') return undefined;
  const open = all.find(({ ready, started }) => !ready && !started) ?? all.find(({ ready }) => !ready);
  if (!open) return undefined;
  const { waiting, terminated } = open.state;
  const reason = terminated?.reason ?? waiting?.reason;
  if (reason !== undefined && !['TaskInitializing', 'ContainerCreating'].includes(reason))
    return `Init:${reason}`;
  return `Init:${all.filter(({ ready }) => ready).length}/${all.length}`;
}

function readyCell({ spec, status }: Task): string {
  const ready = (status.containerStatuses ?? []).filter((container) => container.ready).length;
  return `${ready}/${spec.containers.length}`;
}

function validateTask(task: Task, old?: Task): Cause[] {
  const causes = [...validateTemplateSpec(task.spec, 'spec'), ...validateEphemeral(task.spec)];
  if (old && !isDeepStrictEqual(fixedSpec(task), fixedSpec(old))) {
    causes.push({
      field: 'spec',
      message:
        'a task cannot be changed after creation (only its tolerations can); change the template of its job instead',
      reason: 'FieldValueForbidden',
    });
  }
  return causes;
}

function fixedSpec({ spec }: Task): unknown {
  const { tolerations: _tolerations, ...rest } = spec;
  return rest;
}

function phaseTransitionCauses(next: TaskPhase, previous: TaskPhase): Cause[] {
  if (next === previous || taskTransitions[previous].includes(next)) return [];
  return [
    {
      field: 'status.phase',
      message: `a task that is ${previous} cannot become ${next}`,
      reason: 'FieldValueForbidden',
    },
  ];
}
