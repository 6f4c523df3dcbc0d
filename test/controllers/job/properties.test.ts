/**
 * Properties of the job controller over random histories: nodes that report what they like, a controller
 * that sees old views and is killed between any two writes (Sieve's modes), updates at any moment.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Job } from '../../../api/kinds/resources.ts';
import { isTerminal } from '../../../api/kinds/task-phase.ts';
import { isConditionTrue } from '../../../api/meta/conditions.ts';
import { updateLimits } from '../../../controllers/job/plan-service.ts';
import { newJob, type Snapshot, templateOf, World } from './world.ts';

type Step =
  | { type: 'report'; pick: number; phase: 'Running' | 'Failed' | 'Succeeded' | 'Unknown'; ready: boolean }
  | { type: 'end' | 'delete'; pick: number }
  | { type: 'reconcile'; staleness: number; writes: number }
  | { type: 'time'; seconds: number }
  | { type: 'scale'; replicas: number }
  | { type: 'template'; version: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('report' as const),
      pick: fc.nat(100),
      phase: fc.constantFrom('Running', 'Running', 'Running', 'Failed', 'Succeeded', 'Unknown'),
      ready: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('end', 'delete'), pick: fc.nat(100) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('reconcile' as const),
      staleness: fc.nat(6),
      writes: fc.oneof(fc.constant(1000), fc.nat(5)),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('time' as const), seconds: fc.nat(120) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('scale' as const), replicas: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('template' as const), version: fc.nat(3) }) },
) as fc.Arbitrary<Step>;

const steps = fc.array(step, { maxLength: 80 });

const update = fc
  .record({
    maxUnavailable: fc.constantFrom<number | string>(0, 1, 2, '25%', '50%'),
    maxSurge: fc.constantFrom<number | string>(0, 1, 2, '50%'),
  })
  .map((limits) => ({ ...limits, minReadySeconds: 0 }));

/** Plays a history; `check` looks at the world before and after every turn of the controller. */
function play(world: World, history: readonly Step[], check: (before: World, world: World) => void): void {
  const views: Snapshot[] = [world.tasks];
  for (const step of history) {
    const before = Object.assign(Object.create(World.prototype), { ...world }) as World;
    takeStep(world, step, views);
    if (step.type === 'reconcile') check(before, world);
    if (views.at(-1) !== world.tasks) views.push(world.tasks);
  }
}

function takeStep(world: World, step: Step, views: readonly Snapshot[]): void {
  const names = [...world.tasks.keys()];
  const name = 'pick' in step ? names[step.pick % Math.max(1, names.length)] : undefined;
  if (step.type === 'time') world.nowMs += step.seconds * 1000;
  else if (step.type === 'scale') scale(world, step.replicas);
  else if (step.type === 'template') retemplate(world, step.version);
  else if (step.type === 'reconcile') {
    world.reconcile({ view: views.at(-1 - step.staleness) ?? world.tasks, writes: step.writes });
  } else if (name !== undefined) {
    if (step.type === 'report') world.report(name, step.phase, { ready: step.ready });
    else if (step.type === 'delete') world.delete(name);
    else if (world.tasks.get(name)?.metadata.deletionTimestamp) world.vanish(name);
  }
}

function scale(world: World, replicas: number): void {
  world.apply((spec) =>
    spec.type === 'Service' ? { ...spec, replicas } : { ...spec, parallelism: replicas + 1 },
  );
}

function retemplate(world: World, version: number): void {
  if (world.job.spec.type === 'Service')
    world.apply((spec) => ({ ...spec, template: templateOf(`v${version}`) }));
}

/** The faults end: every node does its work and the controller runs until nothing is left to do. */
function heal(world: World): void {
  for (let turn = 0; turn < 200; turn++) {
    for (const { metadata, status } of world.tasks.values()) {
      if (metadata.deletionTimestamp) world.vanish(metadata.name);
      else if (!isTerminal(status.phase)) finishWork(world, metadata.name);
    }
    const actions = world.reconcile();
    const { requeueAfterMs } = world.decide();
    if (actions.length > 0) continue;
    if (requeueAfterMs === undefined) return;
    world.nowMs += requeueAfterMs;
  }
  throw new Error('the controller never comes to rest');
}

function finishWork(world: World, name: string): void {
  const isService = world.job.spec.type === 'Service';
  if (isService && world.tasks.get(name)?.status.phase !== 'Running') world.report(name, 'Running');
  else if (isService) world.report(name, 'Running', { ready: true });
  else world.report(name, 'Succeeded');
}

function perIndex(world: World): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { spec } of world.live) counts.set(spec.index ?? -1, (counts.get(spec.index ?? -1) ?? 0) + 1);
  return counts;
}

function availableIndexes(world: World): Set<number> {
  const available = world.live.filter(
    ({ status }) => status.phase === 'Running' && isConditionTrue(status.conditions, 'Ready'),
  );
  return new Set(available.map(({ spec }) => spec.index ?? -1));
}

function service(limits: Job['spec']['update']): World {
  return new World(newJob({ type: 'Service', replicas: 4, update: limits }));
}

function batch(): World {
  return new World(newJob({ type: 'Batch', completions: 4, parallelism: 2, backoffLimit: 1_000_000 }));
}

test('a service converges to one live task of the current template per index, whatever happened before', () => {
  fc.assert(
    fc.property(steps, update, (history, limits) => {
      const world = service(limits);
      play(world, history, () => {});
      heal(world);
      const { replicas = 1 } = world.job.spec;
      const indexes = world.live.map(({ spec }) => spec.index ?? -1).sort((left, right) => left - right);
      expect(indexes).toEqual([...Array(replicas).keys()]);
      expect(world.tasks.size).toBe(replicas);
      expect(world.job.status.updatedReplicas).toBe(replicas);
      expect(world.job.status.readyReplicas).toBe(replicas);
    }),
    { numRuns: 300 },
  );
});

test('a batch runs every index to success exactly once, whatever happened before', () => {
  fc.assert(
    fc.property(steps, (history) => {
      const world = batch();
      play(world, history, () => {});
      heal(world);
      expect(world.job.status.phase).toBe('Complete');
      expect(world.job.status.completedIndexes).toBe('0-3');
      expect(world.live).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test('a job that may run at most once gets no task beside one that may run, and none with an old attempt', () => {
  fc.assert(
    fc.property(steps, (history) => {
      const world = new World(newJob({ type: 'Service', replicas: 4, runPolicy: 'AtMostOnce' }));
      const attempts = new Map<number, number>();
      play(world, history, (before, { tasks }) => {
        for (const { metadata, spec } of tasks.values()) {
          if (before.tasks.get(metadata.name)?.metadata.uid === metadata.uid) continue;
          const { index = -1, attempt = -1 } = spec;
          expect(attempt).toBeGreaterThan(attempts.get(index) ?? -1);
          attempts.set(index, attempt);
          const others = [...before.tasks.values()].filter(
            (other) =>
              other.spec.index === index &&
              !isTerminal(other.status.phase) &&
              !(other.status.phase === 'Unknown' && other.metadata.deletionTimestamp),
          );
          expect(others).toEqual([]);
        }
      });
    }),
    { numRuns: 300 },
  );
});

test('a turn of the controller never adds a live task to an index that has one, but to surge', () => {
  fc.assert(
    fc.property(steps, update, (history, limits) => {
      const world = service(limits);
      play(world, history, (before, after) => {
        const { maxSurge } = updateLimits(after.job, after.job.spec.replicas ?? 1);
        const counts = [...perIndex(after)];
        const was = perIndex(before);
        const added = counts.filter(([index, count]) => count > Math.max(1, was.get(index) ?? 0));
        expect(added.length).toBeLessThanOrEqual(maxSurge);
        for (const [, count] of added) expect(count).toBe(2);
      });
    }),
    { numRuns: 300 },
  );
  fc.assert(
    fc.property(steps, (history) => {
      play(batch(), history, (_before, after) => {
        for (const [, count] of perIndex(after)) expect(count).toBe(1);
      });
    }),
    { numRuns: 200 },
  );
});

test('a batch never has more live tasks than its parallelism allows after a turn', () => {
  fc.assert(
    fc.property(steps, (history) => {
      play(batch(), history, (before, after) => {
        const allowed = Math.max(after.job.spec.parallelism ?? 0, before.live.length);
        expect(after.live.length).toBeLessThanOrEqual(allowed);
      });
    }),
    { numRuns: 200 },
  );
});

test('no turn takes availability below what maxUnavailable allows', () => {
  fc.assert(
    fc.property(steps, update, (history, limits) => {
      const world = service(limits);
      play(world, history, (before, after) => {
        const { replicas = 1 } = after.job.spec;
        const floor = replicas - updateLimits(after.job, replicas).maxUnavailable;
        const within = (indexes: Set<number>): number =>
          [...indexes].filter((index) => index < replicas).length;
        const was = within(availableIndexes(before));
        expect(within(availableIndexes(after))).toBeGreaterThanOrEqual(Math.min(was, floor));
      });
    }),
    { numRuns: 500 },
  );
});

test('a second turn over the same world writes nothing', () => {
  fc.assert(
    fc.property(steps, update, fc.boolean(), (history, limits, isService) => {
      const world = isService ? service(limits) : batch();
      play(world, history, () => {});
      for (let turn = 0; turn < 10 && world.reconcile().length > 0; turn++);
      world.reconcile();
      const { job, journal } = world;
      const writes = journal.length;
      world.reconcile();
      expect(journal.length).toBe(writes);
      expect(world.job.status).toEqual(job.status);
    }),
    { numRuns: 300 },
  );
});

test('an attempt is never made twice under one name while an earlier one of its index exists', () => {
  fc.assert(
    fc.property(steps, update, (history, limits) => {
      const world = service(limits);
      play(world, history, (before, after) => {
        const made = [...after.tasks.values()].filter(({ metadata }) => !before.tasks.has(metadata.name));
        for (const { spec } of made) {
          const earlier = [...before.tasks.values()].filter((task) => task.spec.index === spec.index);
          const highest = Math.max(-1, ...earlier.map((task) => task.spec.attempt ?? 0));
          expect(spec.attempt).toBe(highest + 1);
        }
      });
    }),
    { numRuns: 200 },
  );
});
