/** What must hold for every cluster and every sequence of events. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bandOf } from '../../api/kinds/priority-bands.ts';
import { VirtualClock } from '../../api/meta/clock.ts';
import { ClusterState } from '../../scheduler/cluster-state.ts';
import { givesHope } from '../../scheduler/core/hints.ts';
import { Profile } from '../../scheduler/core/profile.ts';
import { scheduleTask } from '../../scheduler/core/schedule.ts';
import { type SchedulingTask, schedulingTask } from '../../scheduler/core/scheduling-task.ts';
import { type Batch, Decider, type Displacement } from '../../scheduler/decider.ts';
import { SchedulingQueue } from '../../scheduler/queue.ts';
import { type NodeWords, nodeOf, type TaskWords, taskOf } from './cell.ts';
import { anyRelations } from './related-tasks.ts';

type Step =
  | { do: 'add'; task: number }
  | { do: 'decide' }
  | { do: 'end'; task: number }
  | { do: 'node'; node: number }
  | { do: 'lose'; node: number };

interface Scenario {
  nodes: NodeWords[];
  tasks: TaskWords[];
  steps: Step[];
}

const anyNode = fc.record({
  allocatable: fc.record({
    cpu: fc.constantFrom('1', '2', '4500m'),
    memory: fc.constantFrom('1Gi', '3Gi'),
    pods: fc.constantFrom('2', '10'),
  }),
  labels: fc.record({ zone: fc.constantFrom('a', 'b') }),
  cordoned: fc.boolean(),
}) satisfies fc.Arbitrary<NodeWords>;

const anyTask = fc.record({
  requests: fc.record({
    cpu: fc.constantFrom('0', '100m', '700m', '2'),
    memory: fc.constantFrom('64Mi', '1Gi'),
  }),
  priority: fc.constantFrom(0, 100_000, 200_000, 250_000),
  nodeSelector: fc.constantFrom<Record<string, string>>({}, { zone: 'a' }),
  ports: fc.constantFrom<{ containerPort: number }[]>([], [], [{ containerPort: 8080 }]),
}) satisfies fc.Arbitrary<TaskWords>;

const anyRelatedTask = fc
  .tuple(anyTask, anyRelations)
  .map(([task, relations]) => ({ ...task, ...relations }));

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('add' as const), task: fc.nat(39) }) },
  { weight: 3, arbitrary: fc.constant({ do: 'decide' as const }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('end' as const), task: fc.nat(39) }) },
  fc.record({ do: fc.constant('node' as const), node: fc.nat(4) }),
  fc.record({ do: fc.constant('lose' as const), node: fc.nat(4) }),
);

const anyScenario: fc.Arbitrary<Scenario> = fc.record({
  nodes: fc.array(anyNode, { minLength: 5, maxLength: 5 }),
  tasks: fc.array(anyTask, { minLength: 40, maxLength: 40 }),
  steps: fc.array(anyStep, { minLength: 20, maxLength: 150 }),
});

/** One run of a scenario through cluster state, queue and decider. */
class Play {
  readonly profile = new Profile();
  readonly state: ClusterState = new ClusterState(
    (event) => this.queue.wake(event),
    (key) => this.queue.activate(key),
  );
  readonly queue = new SchedulingQueue({
    clock: new VirtualClock(),
    sort: this.profile.queueSort,
    hint: (event, task, refusedBy) =>
      givesHope(this.profile, this.state.snapshot, { event, task, refusedBy }),
  });
  readonly decider = new Decider({
    profile: this.profile,
    state: this.state,
    queue: this.queue,
    mayPreempt: () => this.preempts,
  });
  readonly preempts: boolean;
  readonly displacements: Displacement[] = [];
  /** Of the last step, when it was to decide. */
  batch: Batch | undefined;
  readonly scenario: Scenario;
  readonly tasks: SchedulingTask[];

  constructor(scenario: Scenario, afterEach: (play: Play) => void = () => {}, preempts = false) {
    this.scenario = scenario;
    this.preempts = preempts;
    this.tasks = scenario.tasks.map((words, index) => schedulingTask(taskOf(`t${index}`, words)));
    for (const step of scenario.steps) {
      this.#take(step);
      afterEach(this);
    }
  }

  #take(step: Step): void {
    const { state, queue, decider, scenario, tasks } = this;
    const task = tasks['task' in step ? step.task : 0]!;
    if (step.do === 'add' && !state.isAssumed(task.uid)) queue.add(task);
    if (step.do === 'end') state.removeTask(task.uid);
    if (step.do === 'node') state.setNode(nodeOf(`n${step.node}`, scenario.nodes[step.node]));
    if (step.do === 'lose') state.removeNode(`n${step.node}`);
    this.batch = step.do === 'decide' ? decider.decideBatch(10) : undefined;
    const { placed, displacements } = this.batch ?? { placed: [], displacements: [] };
    for (const { queued } of placed) queue.remove(queued.task.key);
    this.displacements.push(...displacements);
  }
}

function overcommitted({ snapshot }: ClusterState): string[] {
  const found: string[] = [];
  for (const resource of ['cpu', 'memory', 'pods']) {
    const columns = snapshot.resource(resource);
    for (let slot = 0; slot < snapshot.size; slot++) {
      if (columns && snapshot.present[slot] === 1 && columns.free[slot]! < 0)
        found.push(`${snapshot.names[slot]} ${resource}`);
    }
  }
  return found;
}

const holds = (numRuns: number, property: (scenario: Scenario) => void): void =>
  fc.assert(fc.property(anyScenario, property), { numRuns });

describe('properties', () => {
  it('no node is ever over-committed', () => {
    holds(200, (scenario) => {
      new Play(scenario, ({ state }) => expect(overcommitted(state)).toEqual([]));
    });
  });

  it('with preemption, tasks alone never over-commit a node; rooms kept for preemptors come on top', () => {
    holds(150, (scenario) => {
      const check = ({ state }: Play): void => {
        const { snapshot, residents } = state;
        for (const resource of ['cpu', 'memory', 'pods']) {
          const columns = snapshot.resource(resource);
          for (let slot = 0; slot < snapshot.size; slot++) {
            const tasks = residents.on(slot).filter(({ isReservation }) => !isReservation);
            const used = tasks.reduce((sum, { requests }) => sum + (requests[resource] ?? 0), 0);
            if (snapshot.present[slot] === 1) expect(used).toBeLessThanOrEqual(columns!.allocatable[slot]!);
          }
        }
      };
      new Play(scenario, check, true);
    });
  });

  it('nobody is decided on while a task of higher priority waits for its turn', () => {
    holds(150, (scenario) => {
      new Play(scenario, ({ batch, queue, tasks }) => {
        const decided = [...(batch?.placed ?? []), ...(batch?.refused ?? [])];
        const least = Math.min(...decided.map(({ queued }) => queued.task.priority));
        const waiting = tasks.filter(({ key }) => queue.placeOf(key) === 'active');
        if (batch) for (const { priority } of waiting) expect(priority).toBeLessThanOrEqual(least);
      });
    });
  });

  it('victims are of lower priority than the preemptor, and never of its band when that is production', () => {
    holds(150, (scenario) => {
      const { displacements } = new Play(scenario, () => {}, true);
      for (const { queued, preemption } of displacements) {
        for (const victim of preemption.victims) {
          expect(victim.priority).toBeLessThan(queued.task.priority);
          expect([victim.priority, queued.task.priority].every((one) => bandOf(one) === 'production')).toBe(
            false,
          );
        }
      }
    });
  });

  it('with preemption, the same input gives the same decision hash', () => {
    holds(60, (scenario) => {
      const [first, second] = [0, 1].map(() => new Play(scenario, () => {}, true));
      expect(first?.decider.hash.toString()).toBe(second?.decider.hash.toString());
    });
  });

  it('the same input gives the same decision hash', () => {
    holds(100, (scenario) => {
      const [first, second] = [new Play(scenario), new Play(scenario)];
      expect(first.decider.hash.toString()).toBe(second.decider.hash.toString());
    });
  });

  it('a task that is parked fits nowhere: no event that makes room is missed by the hints', () => {
    holds(100, (scenario) => {
      new Play(scenario, (play) => {
        for (const task of play.tasks) {
          if (play.queue.placeOf(task.key) !== 'parked') continue;
          expect(scheduleTask(play.profile, play.state.snapshot, task).node).toBeUndefined();
        }
      });
    });
  });

  it('nor is one missed by those that mind where others are', () => {
    const related = fc.record({
      nodes: fc.array(anyNode, { minLength: 5, maxLength: 5 }),
      tasks: fc.array(anyRelatedTask, { minLength: 40, maxLength: 40 }),
      steps: fc.array(anyStep, { minLength: 20, maxLength: 150 }),
    });
    const check = (play: Play): void => {
      for (const task of play.tasks) {
        if (play.queue.placeOf(task.key) !== 'parked') continue;
        expect(scheduleTask(play.profile, play.state.snapshot, task).node).toBeUndefined();
      }
    };
    fc.assert(
      fc.property(related, (scenario) => void new Play(scenario, check)),
      { numRuns: 100 },
    );
  });

  it('when all tasks have ended, every column is back where it began', () => {
    holds(100, (scenario) => {
      const ends = scenario.tasks.map((_, task): Step => ({ do: 'end', task }));
      const { snapshot } = new Play({ ...scenario, steps: [...scenario.steps, ...ends] }).state;
      for (const resource of ['cpu', 'memory', 'pods'])
        expect([...(snapshot.resource(resource)?.used ?? [])].every((used) => used === 0)).toBe(true);
      expect([...snapshot.portHolders('TCP/8080')]).toEqual([]);
    });
  });
});
