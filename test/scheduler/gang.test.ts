/** Gangs: all or nothing, at every moment, whoever else schedules. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Task } from '../../api/kinds/resources.ts';
import { VirtualClock } from '../../api/meta/clock.ts';
import { ClusterState } from '../../scheduler/cluster-state.ts';
import { givesHope } from '../../scheduler/core/hints.ts';
import { Profile } from '../../scheduler/core/profile.ts';
import { schedulingTask } from '../../scheduler/core/scheduling-task.ts';
import { Decider } from '../../scheduler/decider.ts';
import { SchedulingQueue } from '../../scheduler/queue.ts';
import { nodeOf, taskOf } from './cell.ts';
import { SchedulerCell } from './scheduler-cell.ts';

const rackLabel = 'topology.kubernetes.io/rack';

interface GangWords {
  size: number;
  minMember: number;
  cpu: string;
  priority: number;
}

const anyGang: fc.Arbitrary<GangWords> = fc.record({
  size: fc.integer({ min: 1, max: 5 }),
  minMember: fc.integer({ min: 1, max: 5 }),
  cpu: fc.constantFrom('500m', '1', '2'),
  priority: fc.constantFrom(0, 100_000, 200_000),
});

type Step = { do: 'add' | 'end'; task: number } | { do: 'decide' | 'confirm' };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('add' as const, 'add' as const, 'end' as const), task: fc.nat(19) }),
  fc.record({ do: fc.constantFrom('decide' as const, 'confirm' as const) }),
);

/** One run of gangs through cluster state, queue and decider; binds are confirmed when a step says so. */
class Play {
  readonly clock = new VirtualClock();
  readonly profile = new Profile();
  readonly state: ClusterState = new ClusterState(
    (event) => this.queue.wake(event),
    (key) => this.queue.activate(key),
  );
  readonly queue = new SchedulingQueue({
    clock: this.clock,
    sort: this.profile.queueSort,
    hint: (event, task, refusedBy) =>
      givesHope(this.profile, this.state.snapshot, { event, task, refusedBy }),
  });
  readonly decider: Decider;
  readonly tasks: Task[];
  readonly broken: string[] = [];
  #unconfirmed: { task: Task; node: string }[] = [];

  constructor(gangs: readonly GangWords[], preempts: boolean) {
    for (const [name, cpu] of Object.entries({ n1: '2', n2: '3', n3: '4' }))
      this.state.setNode(nodeOf(name, { allocatable: { cpu, pods: '110' }, labels: { [rackLabel]: name } }));
    const { profile, state, queue } = this;
    this.decider = new Decider({ profile, state, queue, mayPreempt: () => preempts });
    this.tasks = gangs.flatMap(({ size, minMember, cpu, priority }, gang) =>
      Array.from({ length: size }, (_, index) =>
        taskOf(`g${gang}-${index}`, {
          job: `g${gang}`,
          gang: { minMember: Math.min(size, minMember) },
          requests: { cpu },
          priority,
        }),
      ),
    );
  }

  take(step: Step): void {
    if (step.do === 'decide') this.#decide();
    else if (step.do === 'confirm') this.#confirm();
    else if ('task' in step) this.#takeTask(step);
  }

  #takeTask(step: { do: 'add' | 'end'; task: number }): void {
    const task = this.tasks[step.task % this.tasks.length]!;
    const uid = task.metadata.uid ?? '';
    if (step.do === 'end') this.state.removeTask(uid);
    else if (![...this.state.gangs.placed(`default/${task.spec.job}`)].includes(uid))
      this.queue.add(schedulingTask(task));
  }

  #decide(): void {
    this.queue.flush();
    const before = new Map(this.tasks.map(({ spec }) => [`default/${spec.job}`, this.#standing(spec.job)]));
    const { placed } = this.decider.decideBatch(100);
    for (const { queued, node } of placed) {
      this.queue.remove(queued.task.key);
      const task = this.tasks.find(({ metadata }) => metadata.uid === queued.task.uid);
      if (task) this.#unconfirmed.push({ task, node });
    }
    for (const { queued } of placed) {
      const { job = '', gang } = queued.task;
      const { assumed, bound } = this.state.gangs.count(job);
      if (assumed + bound < (gang?.minMember ?? 0))
        this.broken.push(`${job}: ${before.get(job)} before, ${assumed + bound} now`);
    }
  }

  #standing(job = ''): number {
    const { assumed, bound } = this.state.gangs.count(`default/${job}`);
    return assumed + bound;
  }

  #confirm(): void {
    for (const { task, node } of this.#unconfirmed)
      if (this.state.isAssumed(task.metadata.uid ?? ''))
        this.state.setTask({ ...task, spec: { ...task.spec, nodeName: node } });
    this.#unconfirmed = [];
  }

  get overcommitted(): boolean {
    const { snapshot } = this.state;
    return (
      snapshot
        .resource('cpu')
        ?.free.slice(0, snapshot.size)
        .some((free) => free < 0) ?? false
    );
  }
}

const gangsAndSteps = [
  fc.array(anyGang, { minLength: 2, maxLength: 5 }),
  fc.array(anyStep, { minLength: 5, maxLength: 60 }),
] as const;

describe('for all gangs and all orders of events', () => {
  it('a gang never has fewer members placed than its minimum after a decision that placed one', () => {
    fc.assert(
      fc.property(...gangsAndSteps, (gangs, steps) => {
        const play = new Play(gangs, false);
        for (const step of steps) play.take(step);
        expect(play.broken).toEqual([]);
        expect(play.overcommitted).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it('with preemption neither', () => {
    fc.assert(
      fc.property(...gangsAndSteps, (gangs, steps) => {
        const play = new Play(gangs, true);
        for (const step of steps) play.take(step);
        expect(play.broken).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('gangs that each fit alone are all placed in the end, one after the other', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyGang, { minLength: 2, maxLength: 5 }), async (gangs) => {
        const fitting = gangs.map((gang) => ({ ...gang, cpu: '1', minMember: gang.size }));
        const play = new Play(fitting, false);
        for (let task = 0; task < play.tasks.length; task++) play.take({ do: 'add', task });
        const done = new Set<string>();
        for (let round = 0; round < gangs.length; round++) {
          play.take({ do: 'decide' });
          play.take({ do: 'confirm' });
          for (const { metadata, spec } of play.tasks) {
            const { bound } = play.state.gangs.count(`default/${spec.job}`);
            if (bound > 0) done.add(spec.job ?? '');
            if (bound > 0) expect(bound).toBe(fitting[Number(spec.job?.slice(1))]?.size);
            expect(metadata.name).toBeDefined();
          }
          for (const { metadata, spec } of play.tasks)
            if (done.has(spec.job ?? '')) play.state.removeTask(metadata.uid ?? '');
          await play.clock.advance(20_000);
        }
        expect(done.size).toBe(gangs.length);
      }),
      { numRuns: 100 },
    );
  });
});

describe('against the API server', () => {
  let cell: SchedulerCell;
  beforeEach(async () => {
    cell = await SchedulerCell.open();
    for (const name of ['n1', 'n2', 'n3'])
      await cell.createNode(name, { allocatable: { cpu: '2', memory: '4Gi', pods: '10' } });
  });
  afterEach(() => cell.close());

  const member = (job: string, minMember: number, schedulerName = 'default-scheduler') => ({
    job,
    gang: { minMember },
    requests: { cpu: '1' },
    schedulerName,
  });

  it('a gang is bound at one revision, and not before all are there', async () => {
    cell.startScheduler();
    await cell.createTask('a-0', member('a', 3));
    await cell.createTask('a-1', member('a', 3));
    const pending = await cell.cluster.until(async () => (await cell.task('a-1')).status.pending);
    expect(pending).toMatchObject({
      reason: 'WaitingForGang',
      message: expect.stringContaining('2 of them are there'),
    });
    await cell.createTask('a-2', member('a', 3));
    await cell.cluster.until(async () => (await cell.boundTasks()).length === 3);
    const versions = (await cell.boundTasks()).map(({ metadata }) => metadata.resourceVersion);
    expect(new Set(versions).size).toBe(1);
  });

  it('one larger than the cell says so at once', async () => {
    cell.startScheduler();
    for (let index = 0; index < 7; index++) await cell.createTask(`big-${index}`, member('big', 7));
    const pending = await cell.cluster.until(async () => {
      const { status } = await cell.task('big-0');
      return status.pending?.reason === 'Unschedulable' ? status.pending : undefined;
    });
    expect(pending.message).toContain(
      'the gang needs 7 tasks placed at once, and 6 fit, and even empty the cell would hold 6 at most',
    );
    expect(await cell.boundTasks()).toEqual([]);
  });

  it('two of different schedulers that each fit alone never hold half of the cell each', async () => {
    for (const [job, scheduler] of [
      ['red', 'red'],
      ['blue', 'blue'],
    ] as const)
      for (let index = 0; index < 4; index++)
        await cell.createTask(`${job}-${index}`, member(job, 4, scheduler));
    cell.startScheduler('red');
    cell.startScheduler('blue');
    const seen = new Set<string>();
    await cell.cluster.until(async () => {
      const jobs = (await cell.boundTasks()).map(({ spec }) => spec.job);
      for (const job of ['red', 'blue']) seen.add(`${job} ${jobs.filter((name) => name === job).length}`);
      return jobs.length >= 4;
    });
    await cell.cluster.clock.advance(30_000);
    expect((await cell.boundTasks()).length).toBe(4);
    expect([...seen].every((count) => / [04]$/.test(count))).toBe(true);
  });
});
