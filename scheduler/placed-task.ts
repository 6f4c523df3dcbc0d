/**
 * Tasks as the cluster state holds them on nodes. Made in one shape, all fields at once: there is one of them for
 * every decision, and what spreads objects together costs more than the decision.
 */
import type { Task } from '../api/kinds/task.ts';
import { keyOf } from '../api/meta/object-meta.ts';
import type { Resident } from './core/residents.ts';
import { type Footprint, footprintOf, type SchedulingTask } from './core/scheduling-task.ts';

export interface PlacedTask extends Resident {
  readonly node: string;
  footprint: Footprint;
  /** Decided here; the API server has not confirmed it yet. */
  assumed: boolean;
}

/** Nobody runs for a shorter time than who is not there yet. */
export function assumedOn(node: string, task: SchedulingTask): PlacedTask {
  return {
    key: task.key,
    uid: task.uid,
    requests: task.requests,
    ports: task.ports,
    identity: task.identity,
    priority: task.priority,
    job: task.job,
    gang: task.gang,
    startedMs: Number.MAX_SAFE_INTEGER,
    ending: false,
    isReservation: false,
    node,
    footprint: task,
    assumed: true,
  };
}

export function boundTo(node: string, task: Task): PlacedTask {
  const footprint = footprintOf(task);
  return {
    key: keyOf(task),
    uid: task.metadata.uid ?? '',
    requests: footprint.requests,
    ports: footprint.ports,
    identity: footprint.identity,
    priority: task.spec.priority ?? 0,
    job: footprint.job,
    gang: footprint.gang,
    startedMs: startedMsOf(task),
    ending: task.metadata.deletionTimestamp !== undefined,
    isReservation: false,
    node,
    footprint,
    assumed: false,
  };
}

/** Room kept for a task: nobody's kin, as giving it up breaks no gang. */
export function roomFor({ key, uid, requests, ports, identity, priority }: SchedulingTask): Resident {
  return {
    key,
    uid,
    requests,
    ports,
    identity,
    priority,
    job: undefined,
    gang: undefined,
    startedMs: 0,
    ending: false,
    isReservation: true,
  };
}

export function startedMsOf({ metadata, status }: Task): number {
  return Date.parse(status.startTime ?? metadata.creationTimestamp ?? '') || 0;
}
