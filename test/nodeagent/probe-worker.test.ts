import { afterEach, describe, expect, it } from 'vitest';
import type { Probe } from '../../api/kinds/task-probes.ts';
import { VirtualClock } from '../../api/meta/clock.ts';
import { silentLogger } from '../../api/meta/logger.ts';
import { firstHealth } from '../../nodeagent/probes/decide-probe.ts';
import { ProbeWorker } from '../../nodeagent/probes/probe-worker.ts';
import { container } from '../kit/nodeagent-objects.ts';

const probe = (changes: Partial<Probe> = {}): Probe => ({
  ...{
    initialDelaySeconds: 0,
    periodSeconds: 10,
    timeoutSeconds: 1,
    successThreshold: 1,
    failureThreshold: 3,
  },
  tcpSocket: { port: 1 },
  ...changes,
});

describe('ProbeWorker', () => {
  const clock = new VirtualClock();
  let worker: ProbeWorker | undefined;
  afterEach(async () => {
    await worker?.stop();
    expect(clock.pendingTimers).toBe(0);
  });

  /** Answers are taken in order; the last one is given for ever. */
  function watch(probes: Parameters<typeof container>[0], answers: boolean[]) {
    const asked: number[] = [];
    const failures: string[] = [];
    const warnings: string[] = [];
    const startMs = clock.now();
    const spec = container(probes);
    worker = new ProbeWorker({
      container: spec,
      health: firstHealth(spec),
      startedAtMs: startMs,
      attempt: async () => {
        asked.push((clock.now() - startMs) / 1000);
        return { good: (answers.length > 1 ? answers.shift() : answers[0]) ?? true, message: 'no' };
      },
      onChange: () => {},
      onFailure: (kind) => failures.push(kind),
      onWarning: (kind) => warnings.push(kind),
      clock,
      logger: silentLogger,
    }).start();
    return { worker, asked, failures, warnings };
  }

  it('asks after the initial delay, then every period', async () => {
    const { asked } = watch({ livenessProbe: probe({ initialDelaySeconds: 3, periodSeconds: 5 }) }, [true]);
    await clock.advance(14_000);
    expect(asked).toEqual([3, 8, 13]);
  });

  it('tells what is odd about a success, and counts it as one', async () => {
    const { worker, failures, warnings } = watch({ readinessProbe: probe() }, [true]);
    await clock.advance(0);
    expect([failures, warnings, worker.health.ready]).toEqual([[], ['readiness'], true]);
  });

  it('calls for the end after enough failures of liveness, and asks no more', async () => {
    const { worker, asked, failures } = watch({ livenessProbe: probe({ failureThreshold: 2 }) }, [
      true,
      false,
    ]);
    await clock.advance(15_000);
    expect(worker.fatal).toBeUndefined();
    await clock.advance(40_000);
    expect(worker.fatal).toEqual({ kind: 'liveness', message: 'no' });
    expect(asked).toEqual([0, 10, 20]);
    expect(failures).toEqual(['liveness', 'liveness']);
  });

  it('follows readiness up and down and never calls for the end', async () => {
    const { worker } = watch({ readinessProbe: probe({ failureThreshold: 1, periodSeconds: 1 }) }, [
      false,
      true,
      false,
    ]);
    await clock.advance(500);
    expect(worker.health.ready).toBe(false);
    await clock.advance(1000);
    expect(worker.health.ready).toBe(true);
    await clock.advance(60_000);
    expect(worker.health.ready).toBe(false);
    expect(worker.fatal).toBeUndefined();
  });

  it('asks nothing else before the startup probe has passed', async () => {
    const { worker, failures } = watch(
      {
        startupProbe: probe({ periodSeconds: 1, failureThreshold: 9 }),
        livenessProbe: probe({ failureThreshold: 1 }),
      },
      [false, false, true],
    );
    await clock.advance(1500);
    expect(worker.health.started).toBe(false);
    await clock.advance(1000);
    expect(worker.health).toEqual({ started: true, ready: true });
    expect(failures).toEqual(['startup', 'startup']);
  });

  it('goes on from what a previous agent has found out', async () => {
    const { worker } = watch({ readinessProbe: probe() }, [true]);
    await clock.advance(0);
    expect(worker.health.ready).toBe(true);
  });
});
