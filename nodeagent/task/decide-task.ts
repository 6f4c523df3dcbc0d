/** What to do next for one task. Pure: the record and the time in, steps out; the runner acts. */
import type { ContainerRecord, TaskRecord } from './task-record.ts';
import { isOver, liveCid } from './task-record.ts';

export type Step =
  | { do: 'start'; container: ContainerRecord }
  /** A container not started yet will not be: its task is to end. */
  | { do: 'abandon'; container: ContainerRecord }
  | { do: 'signal'; container: ContainerRecord; cid: string; signal: 'TERM' | 'KILL' }
  /** No container is left: remove what the task still has on the node. */
  | { do: 'clean' };

export interface Plan {
  steps: Step[];
  /** When to decide again though nothing happened. */
  nextAtMs?: number;
}

export function decideTask(record: TaskRecord, nowMs: number): Plan {
  if (isOver(record)) return { steps: record.cleaned ? [] : [{ do: 'clean' }] };
  return record.stop ? decideStop(record, nowMs) : decideRun(record, nowMs);
}

function decideRun({ containers }: TaskRecord, nowMs: number): Plan {
  const waiting = containers.flatMap((container) =>
    container.life.state === 'waiting' ? [{ container, retryAtMs: container.life.retryAtMs }] : [],
  );
  const later = waiting.filter(({ retryAtMs }) => retryAtMs > nowMs).map(({ retryAtMs }) => retryAtMs);
  return {
    steps: waiting
      .filter(({ retryAtMs }) => retryAtMs <= nowMs)
      .map(({ container }) => ({ do: 'start', container })),
    ...(later.length > 0 ? { nextAtMs: Math.min(...later) } : {}),
  };
}

function decideStop({ containers, stop }: TaskRecord, nowMs: number): Plan {
  if (!stop) return { steps: [] };
  const killAtMs = stop.sinceMs + stop.graceSeconds * 1000;
  const signal = nowMs >= killAtMs ? 'KILL' : stop.signalled ? undefined : 'TERM';
  const steps = containers.flatMap((container): Step[] => {
    if (container.life.state === 'waiting') return [{ do: 'abandon', container }];
    const cid = liveCid(container);
    return cid !== undefined && signal ? [{ do: 'signal', container, cid, signal }] : [];
  });
  return { steps, nextAtMs: signal === 'KILL' ? nowMs + 1000 : killAtMs };
}
