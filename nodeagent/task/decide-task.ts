/** What to do next for one task. Pure: the record and the time in, steps out; the runner acts. */

import { mayStart, mayStop, stopOf } from './task-order.ts';
import {
  type ContainerRecord,
  containerSpec,
  isOver,
  killTimeMs,
  type Stop,
  type TaskRecord,
} from './task-record.ts';

export type Step =
  | { do: 'start'; container: ContainerRecord }
  /** A container not started yet will not be: its task is to end. */
  | { do: 'abandon'; container: ContainerRecord }
  /** The preStop hook; the stop signal comes after it. */
  | { do: 'prepare'; container: ContainerRecord; cid: string; killAtMs: number }
  | { do: 'signal'; container: ContainerRecord; cid: string; signal: 'TERM' | 'KILL' }
  /** No container is left: remove what the task still has on the node. */
  | { do: 'clean' };

export interface Plan {
  steps: Step[];
  /** When to decide again though nothing happened. */
  nextAtMs?: number;
}

const nothing: Plan = { steps: [] };
/** A process that cannot be interrupted is killed again this often. */
const killAgainMs = 1000;

export function decideTask(record: TaskRecord, nowMs: number): Plan {
  if (isOver(record)) return { steps: record.cleaned ? [] : [{ do: 'clean' }] };
  const plans = record.containers.map((container) => decideContainer(record, container, nowMs));
  const times = plans.flatMap(({ nextAtMs }) => nextAtMs ?? []);
  return {
    steps: plans.flatMap(({ steps }) => steps),
    ...(times.length > 0 ? { nextAtMs: Math.min(...times) } : {}),
  };
}

function decideContainer(record: TaskRecord, container: ContainerRecord, nowMs: number): Plan {
  const stop = stopOf(record, container);
  if (stop) return decideEnd(record, container, { stop, nowMs });
  if (container.life.state !== 'waiting' || !mayStart(record, container)) return nothing;
  const { retryAtMs } = container.life;
  return retryAtMs > nowMs ? { steps: [], nextAtMs: retryAtMs } : { steps: [{ do: 'start', container }] };
}

function decideEnd(
  record: TaskRecord,
  container: ContainerRecord,
  { stop, nowMs }: { stop: Stop; nowMs: number },
): Plan {
  const { life } = container;
  if (life.state === 'waiting') return { steps: [{ do: 'abandon', container }] };
  if (life.state !== 'running') return nothing;
  const { cid, signalled } = life;
  const killAtMs = killTimeMs(stop);
  if (nowMs >= killAtMs)
    return { steps: [{ do: 'signal', container, cid, signal: 'KILL' }], nextAtMs: nowMs + killAgainMs };
  if (signalled || !mayStop(record, container)) return { steps: [], nextAtMs: killAtMs };
  const isPrepared = life.isPrepared || !containerSpec(record, container).lifecycle?.preStop;
  const step: Step = isPrepared
    ? { do: 'signal', container, cid, signal: 'TERM' }
    : { do: 'prepare', container, cid, killAtMs };
  return { steps: [step], nextAtMs: killAtMs };
}
