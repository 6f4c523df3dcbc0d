/**
 * Pod: a task, seen and written in the form of core/v1, so that what knows Kubernetes knows Gantry's tasks.
 * Nothing is stored as a Pod, and nothing but this door knows them (pod-view.ts).
 */
import { isDeepStrictEqual } from 'node:util';
import type { Cause } from '../meta/api-error.ts';
import type { Condition } from '../meta/conditions.ts';
import type { KubeObject } from '../meta/object-meta.ts';
import { defineKind, type KindDefinition } from './define-kind.ts';
import { names } from './names.ts';
import { podColumns } from './pod-columns.ts';
import { refusedFields } from './pod-refusals.ts';
import { podSchema } from './pod-schema.ts';
import { asTaskSpec, podView } from './pod-view.ts';
import { type ContainerStatus, type Task, type TaskSpec, type TaskStatus, taskKind } from './task.ts';
import { taskAddress } from './task-address.ts';
import { validateEphemeral } from './task-ephemeral.ts';
import { validateTemplateSpec } from './task-spec.ts';

export interface Pod extends KubeObject {
  spec: Omit<TaskSpec, 'job' | 'index' | 'attempt' | 'runPolicy'> & {
    readinessGates?: { conditionType: string }[];
    [field: string]: unknown;
  };
  status: Omit<TaskStatus, 'pending' | 'finishTime' | 'usage' | 'addresses'> & {
    podIP?: string;
    nominatedNodeName?: string;
    conditions?: Condition[];
    containerStatuses?: ContainerStatus[];
  };
}

/** Safe because what it looks at is the same in both forms. */
const { strategy } = taskKind as unknown as KindDefinition<Pod>;

export const podKind = defineKind<Pod>({
  ...names.Pod,
  description: 'A task, in the form of a Pod of Kubernetes.',
  schema: podSchema,
  statusSubresource: true,
  view: podView,
  selectableFields: {
    'spec.nodeName': ({ spec }) => spec.nodeName,
    'spec.restartPolicy': ({ spec }) => spec.restartPolicy,
    'spec.schedulerName': ({ spec }) => spec.schedulerName,
    'status.phase': ({ status }) => status.phase,
    'status.podIP': (task) => taskAddress(task as unknown as Task),
  },
  columns: podColumns,
  strategy: {
    ...strategy,
    applyDefaults: (pod) => {
      strategy.applyDefaults?.(pod);
      pod.spec['dnsPolicy'] ??= 'ClusterFirst';
      pod.spec['securityContext'] ??= {};
    },
    validate: validatePod,
  },
});

function validatePod({ spec }: Pod, old?: Pod): Cause[] {
  const refused = refusedFields(spec);
  if (refused.length > 0) return refused;
  const taskSpec = asTaskSpec(spec) as unknown as TaskSpec;
  const causes = [...validateTemplateSpec(taskSpec, 'spec'), ...validateEphemeral(taskSpec)];
  if (old && !isDeepStrictEqual(fixedSpec(spec), fixedSpec(old.spec))) {
    causes.push({
      field: 'spec',
      message: 'pod updates may not change fields other than `spec.tolerations`',
      reason: 'FieldValueForbidden',
    });
  }
  return causes;
}

function fixedSpec({ tolerations: _tolerations, ...rest }: Pod['spec']): unknown {
  return rest;
}
