/** Deciding by classes gives what a look at every node gives: for every cluster, task and sequence of events. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClassIndex } from '../../scheduler/core/class-index.ts';
import { DecisionHash } from '../../scheduler/core/decision-hash.ts';
import { defaultPlugins, Profile } from '../../scheduler/core/profile.ts';
import { type Decision, scheduleTask } from '../../scheduler/core/schedule.ts';
import { schedulingTask } from '../../scheduler/core/scheduling-task.ts';
import { Cell, type NodeWords, nodeOf, type TaskWords, taskOf } from './cell.ts';
import { anyRelations } from './related-tasks.ts';

type Step =
  | { do: 'decide'; shape: number; job: number }
  | { do: 'end'; nth: number }
  | { do: 'node'; name: number; words: NodeWords }
  | { do: 'lose'; name: number }
  | { do: 'tell'; nth: number };

const anyNode = fc.record({
  allocatable: fc.record(
    {
      cpu: fc.constantFrom('1', '2', '4', '4500m'),
      memory: fc.constantFrom('1Gi', '3Gi', '8Gi'),
      pods: fc.constantFrom('2', '10'),
      'example.com/gpu': fc.constantFrom('1', '4'),
    },
    { requiredKeys: ['cpu', 'memory'] },
  ),
  labels: fc.record(
    {
      zone: fc.constantFrom('a', 'b'),
      disk: fc.constantFrom('ssd', 'hdd'),
      rack: fc.constantFrom('1', '2', '3'),
      'topology.kubernetes.io/zone': fc.constantFrom('a', 'b', 'c'),
      'topology.kubernetes.io/rack': fc.constantFrom('1', '2', '3', '4', '5'),
    },
    { requiredKeys: ['zone', 'disk', 'rack'] },
  ),
  taints: fc.constantFrom<NonNullable<NodeWords['taints']>>(
    [],
    [],
    [{ key: 'dedicated', effect: 'NoSchedule' }],
    [{ key: 'old', effect: 'PreferNoSchedule' }],
    [
      { key: 'old', effect: 'PreferNoSchedule' },
      { key: 'loud', effect: 'PreferNoSchedule' },
    ],
  ),
  devices: fc.constantFrom<string[]>([], ['gpu0'], ['gpu0', 'gpu1', 'gpu2']),
  cordoned: fc.constantFrom(false, false, true),
  ready: fc.constantFrom(true, true, true, false),
}) satisfies fc.Arbitrary<NodeWords>;

const anyTask = fc.record(
  {
    requests: fc.record(
      {
        cpu: fc.constantFrom('0', '100m', '700m', '2'),
        memory: fc.constantFrom('64Mi', '1Gi'),
        'example.com/gpu': fc.constant('1'),
        'gantry.dev/gpu-milli': fc.constantFrom('300', '700', '1000', '2000'),
      },
      { requiredKeys: ['cpu'] },
    ),
    nodeSelector: fc.constant({ zone: 'a' }),
    tolerations: fc.constantFrom<NonNullable<TaskWords['tolerations']>>(
      [{ key: 'dedicated', operator: 'Exists' }],
      [{ key: 'old', operator: 'Exists' }],
    ),
    ports: fc.constant([{ containerPort: 8080 }]),
    affinity: fc.constant({
      nodeAffinity: {
        preferredDuringSchedulingIgnoredDuringExecution: [
          {
            weight: 3,
            preference: { matchExpressions: [{ key: 'disk', operator: 'In' as const, values: ['ssd'] }] },
          },
          {
            weight: 2,
            preference: { matchExpressions: [{ key: 'zone', operator: 'In' as const, values: ['b'] }] },
          },
        ],
      },
    }),
  },
  { requiredKeys: ['requests'] },
) satisfies fc.Arbitrary<TaskWords>;

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('decide' as const), shape: fc.nat(4), job: fc.nat(3) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('end' as const), nth: fc.nat(30) }) },
  fc.record({ do: fc.constant('node' as const), name: fc.nat(12), words: anyNode }),
  fc.record({ do: fc.constant('lose' as const), name: fc.nat(12) }),
  fc.record({ do: fc.constant('tell' as const), nth: fc.nat(30) }),
);

const anyScenario = fc.record({
  nodes: fc.array(anyNode, { minLength: 1, maxLength: 12 }),
  shapes: fc.array(anyTask, { minLength: 5, maxLength: 5 }),
  steps: fc.array(anyStep, { minLength: 30, maxLength: 120 }),
});

const anyRelatedScenario = fc.record({
  nodes: fc.array(anyNode, { minLength: 1, maxLength: 40 }),
  shapes: fc.array(
    fc.tuple(anyTask, anyRelations).map(([task, { affinity, ...relations }]) => ({
      ...task,
      ...relations,
      affinity: { ...task.affinity, ...affinity },
    })),
    { minLength: 5, maxLength: 5 },
  ),
  steps: fc.array(anyStep, { minLength: 30, maxLength: 120 }),
});

interface Scenario {
  nodes: NodeWords[];
  shapes: TaskWords[];
  steps: Step[];
}

/** Plays a scenario; every task is decided twice, and placed as the index says. */
function play(
  { nodes, shapes, steps }: Scenario,
  profile: Profile,
  compare: (both: Decision[]) => void,
): void {
  const { state } = new Cell(Object.fromEntries(nodes.map((words, index) => [`n${index}`, words])));
  const index = new ClassIndex(profile, state.snapshot);
  const running: string[] = [];
  for (const [number, step] of steps.entries()) {
    if (step.do === 'node') state.setNode(nodeOf(`n${step.name}`, step.words));
    if (step.do === 'lose') state.removeNode(`n${step.name}`);
    if (step.do === 'tell') state.setEnding(running[step.nth % (running.length || 1)] ?? '', true);
    if (step.do === 'end') state.forget(running.splice(step.nth % (running.length || 1), 1)[0] ?? '');
    if (step.do !== 'decide') continue;
    const job = step.job === 0 ? {} : { job: `j${step.job}` };
    const task = schedulingTask(taskOf(`t${number}`, { ...shapes[step.shape], ...job }));
    const decision = index.schedule(task);
    compare([scheduleTask(profile, state.snapshot, task), decision]);
    if (decision.node === undefined) continue;
    state.assume(task, decision.node);
    running.push(task.uid);
  }
}

describe('class index', () => {
  it('gives the decisions of the full scan, scores and reasons included', () => {
    fc.assert(
      fc.property(anyScenario, (scenario) => {
        const hashes = [new DecisionHash(), new DecisionHash()];
        play(scenario, new Profile(), (both) => {
          for (const [at, { node }] of both.entries()) hashes[at]?.add('task', node);
          expect(both[1]).toEqual(both[0]);
        });
        expect(hashes[1]?.toString()).toBe(hashes[0]?.toString());
      }),
      { numRuns: 300 },
    );
  }, 120_000);

  it('gives them for tasks that mind where others are, whatever comes, goes and ends', () => {
    fc.assert(
      fc.property(anyRelatedScenario, (scenario) => {
        play(scenario, new Profile(), (both) => expect(both[1]).toEqual(both[0]));
      }),
      { numRuns: 100 },
    );
  }, 120_000);

  it('keeps up with a table that grows', () => {
    const cell = new Cell({ n0: {} });
    const index = new ClassIndex(cell.profile, cell.state.snapshot);
    for (let count = 1; count < 700; count++) {
      const task = schedulingTask(taskOf(`t${count}`, { requests: { cpu: '1500m' }, job: `j${count % 7}` }));
      const decision = index.schedule(task);
      expect(decision).toEqual(scheduleTask(cell.profile, cell.state.snapshot, task));
      if (decision.node !== undefined) cell.state.assume(task, decision.node);
      cell.state.setNode(nodeOf(`n${count}`));
    }
  });

  it('is right again after more changes than the log holds', () => {
    const cell = new Cell({ n1: {}, n2: {} });
    const index = new ClassIndex(cell.profile, cell.state.snapshot);
    const task = schedulingTask(taskOf('t', { requests: { cpu: '1' } }));
    expect(index.schedule(task).node).toBe('n1');
    const other = schedulingTask(taskOf('other', { requests: { cpu: '4' } }));
    for (let round = 0; round < 3000; round++) {
      cell.state.assume(other, 'n1');
      if (round < 2999) cell.state.forget(other.uid);
    }
    expect(index.schedule(task).node).toBe('n2');
  });

  it('more classes than are kept change no decision', () => {
    const cell = new Cell({ n1: {}, n2: {} });
    const index = new ClassIndex(cell.profile, cell.state.snapshot);
    for (let round = 0; round < 2; round++) {
      for (let shape = 1; shape <= 300; shape++) {
        const task = schedulingTask(taskOf('t', { requests: { cpu: `${shape}m` } }));
        expect(index.schedule(task)).toEqual(scheduleTask(cell.profile, cell.state.snapshot, task));
      }
    }
  });

  it('a plugin that knows only columns is asked about every node, every time', () => {
    const fussy = {
      name: 'LikesLongNames',
      preScore: () => ({}),
      score: (_state: object, { names }: { names: readonly string[] }, scores: Float64Array) => {
        for (const [slot, name] of names.entries()) scores[slot] = name.length;
      },
    };
    const profile = new Profile([...defaultPlugins, { plugin: fussy, weight: 10 }]);
    const { snapshot } = new Cell({ n1: {}, 'n-long': {} }).state;
    const task = schedulingTask(taskOf('t'));
    expect(new ClassIndex(profile, snapshot).schedule(task).node).toBe('n-long');
  });
});
