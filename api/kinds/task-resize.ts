/**
 * Changing what the containers of a task may use while it runs (KEP-1287). What is wanted stands in the spec,
 * what is set aside in the allocation record, what holds on the node in status.containerStatuses[].resources.
 *
 *   resize verb ─▶ fits: set aside, PodResizeInProgress ─▶ agent applies it ─▶ condition gone, surplus given back
 *              └─▶ does not: PodResizePending (Deferred | Infeasible); the task runs on as before
 */
import { isDeepStrictEqual } from 'node:util';
import type { Cause } from '../meta/api-error.ts';
import { conditionOf, isConditionTrue } from '../meta/conditions.ts';
import type { Task, TaskSpec, TaskStatus } from './task.ts';
import type { Container } from './task-container.ts';
import { qosClass } from './task-qos.ts';

export const resizePending = 'PodResizePending';
export const resizeInProgress = 'PodResizeInProgress';

const resizable = ['cpu', 'memory'];

/** The spec with the resources of `proposed`; everything else as it is. Containers are told by their names. */
export function withResources(
  spec: TaskSpec,
  proposed: Pick<TaskSpec, 'containers' | 'initContainers'>,
): TaskSpec {
  const take = <C extends Container>(own: C[], theirs: readonly Container[]): C[] =>
    own.map((container) => {
      const resources = theirs.find(({ name }) => name === container.name)?.resources;
      return resources ? { ...container, resources } : container;
    });
  return {
    ...spec,
    containers: take(spec.containers, proposed.containers),
    ...(spec.initContainers
      ? { initContainers: take(spec.initContainers, proposed.initContainers ?? []) }
      : {}),
  };
}

/** What a resize may not do. */
export function resizeCauses(next: TaskSpec, old: TaskSpec): Cause[] {
  const causes = next.containers.flatMap((container, index) =>
    containerCauses(container, old.containers[index]!, `spec.containers[${index}]`),
  );
  const inits = (next.initContainers ?? []).flatMap((container, index) => {
    const path = `spec.initContainers[${index}]`;
    const before = old.initContainers![index]!;
    const same = isDeepStrictEqual(container.resources, before.resources);
    if (same || container.restartPolicy === 'Always') return containerCauses(container, before, path);
    return [forbidden(`${path}.resources`, 'only containers and sidecars can be resized')];
  });
  const classes = [qosClass(old), qosClass(next)];
  const sameClass =
    classes[0] === classes[1]
      ? []
      : [forbidden('spec', `the QoS class of the task may not change, from ${classes[0]} to ${classes[1]}`)];
  return [...causes, ...inits, ...sameClass];
}

function containerCauses({ resources }: Container, old: Container, path: string): Cause[] {
  return (['requests', 'limits'] as const).flatMap((part) => {
    const [next = {}, before = {}] = [resources[part], old.resources[part]];
    const changed = [...new Set([...Object.keys(next), ...Object.keys(before)])].filter(
      (name) => next[name] !== before[name],
    );
    return changed.flatMap((name): Cause[] => {
      const field = `${path}.resources.${part}[${name}]`;
      if (!resizable.includes(name)) return [forbidden(field, 'only cpu and memory can be resized')];
      return next[name] === undefined ? [forbidden(field, 'cannot be removed')] : [];
    });
  });
}

function forbidden(field: string, message: string): Cause {
  return { field, message, reason: 'FieldValueForbidden' };
}

/** Whether the resources in its spec are set aside for the task: else it runs with those from before. */
export function isAdmitted({ status }: Pick<Task, 'status'>): boolean {
  return !isConditionTrue(status.conditions, resizePending);
}

/** The spec with the requests that are set aside: while a resize is pending, those from before it. */
export function admittedSpec(task: Pick<Task, 'spec' | 'status'>): TaskSpec {
  const { spec, status } = task;
  if (isAdmitted(task)) return spec;
  const held = <C extends Container>(container: C): C => {
    const all = [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])];
    const requests = all.find(({ name }) => name === container.name)?.allocatedResources;
    return requests ? { ...container, resources: { ...container.resources, requests } } : container;
  };
  const { containers, initContainers = [] } = spec;
  return withResources(spec, {
    containers: containers.map(held),
    initContainers: initContainers.map(held),
  });
}

/**
 * Which conditions of a reported status hold: whether a resize was admitted is the server's to say, and that it is
 * done an agent can only say that has seen it. Mutates `next`.
 */
export function carryResize(next: Task, old: Task): void {
  const { observedGeneration = 0 } = next.status;
  const isStale = observedGeneration < (old.metadata.generation ?? 0);
  const kept = isStale ? [resizePending, resizeInProgress] : [resizePending];
  const carried = kept.flatMap((type) => conditionOf(old.status.conditions, type) ?? []);
  const given: TaskStatus['conditions'] = next.status.conditions?.filter(({ type }) => !kept.includes(type));
  if (carried.length > 0 || given?.length !== next.status.conditions?.length)
    next.status.conditions = [...(given ?? []), ...carried];
}
