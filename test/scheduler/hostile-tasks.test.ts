/** Tasks nobody can place and nodes that shrink: a clear reason, nothing over-committed, and the others go on. */
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../api/meta/clock.ts';
import { ClusterState } from '../../scheduler/cluster-state.ts';
import { givesHope } from '../../scheduler/core/hints.ts';
import { Profile } from '../../scheduler/core/profile.ts';
import { schedulingTask } from '../../scheduler/core/scheduling-task.ts';
import { Decider } from '../../scheduler/decider.ts';
import { SchedulingQueue } from '../../scheduler/queue.ts';
import { nodeOf, type TaskWords, taskOf } from './cell.ts';

class Scene {
  readonly profile = new Profile();
  readonly state: ClusterState = new ClusterState(
    (event) => this.queue.wake(event),
    (key) => this.queue.activate(key),
  );
  readonly clock = new VirtualClock();
  readonly queue: SchedulingQueue = new SchedulingQueue({
    clock: this.clock,
    sort: this.profile.queueSort,
    hint: (event, task, refusedBy) =>
      givesHope(this.profile, this.state.snapshot, { event, task, refusedBy }),
  });
  readonly decider = new Decider({ profile: this.profile, state: this.state, queue: this.queue });

  ask(name: string, words: TaskWords): this {
    this.queue.add(schedulingTask(taskOf(name, words)));
    return this;
  }

  /** Node or message, by task. */
  decide(): Record<string, string> {
    const { placed, refused, failed } = this.decider.decideBatch(100);
    for (const { queued } of placed) this.queue.remove(queued.task.key);
    return Object.fromEntries([
      ...placed.map(({ queued, node }) => [queued.task.key, node]),
      ...refused.map(({ queued, explanation }) => [queued.task.key, explanation.message]),
      ...failed.map(({ queued, error }) => [queued.task.key, String(error)]),
    ]);
  }
}

const app = { matchLabels: { app: 'x' } };
const over = (topologyKey: string, words: object = {}) => ({
  topologyKey,
  maxSkew: 1,
  whenUnsatisfiable: 'DoNotSchedule' as const,
  labelSelector: app,
  nodeAffinityPolicy: 'Honor' as const,
  nodeTaintsPolicy: 'Ignore' as const,
  ...words,
});

describe('a task that can never be placed', () => {
  const impossible: [string, TaskWords, string][] = [
    ['asks for more than numbers hold', { requests: { cpu: '9e18' } }, '2 insufficient cpu; closest'],
    [
      'asks for what no node has',
      { requests: { 'example.com/moon': '1' } },
      '2 insufficient example.com/moon',
    ],
    [
      'asks for more GPUs than there are',
      { requests: { 'gantry.dev/gpu-milli': '64000' } },
      '2 insufficient gantry.dev/gpu-milli',
    ],
    ['spreads over labels nobody has', { topologySpreadConstraints: [over('moon')] }, '2 without label moon'],
    [
      'wants to be where it may not be',
      {
        nodeSelector: { zone: 'a' },
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'NotIn', values: ['a'] }] }],
            },
          },
        },
      },
      'not matching',
    ],
    [
      'wants to be near tasks it must be far from',
      {
        affinity: {
          podAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone', labelSelector: app }],
          },
          podAntiAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone', labelSelector: app }],
          },
        },
      },
      'must be near to over zone',
    ],
  ];

  it.each(impossible)('because it %s says so, and holds up nobody', (_name, words, reason) => {
    const scene = new Scene();
    scene.state.setNode(nodeOf('n1', { labels: { zone: 'a' } }));
    scene.state.setNode(nodeOf('n2', { labels: { zone: 'b' } }));
    const said = scene
      .ask('never', words)
      .ask('plain', { requests: { cpu: '1' } })
      .decide();
    expect(said['default/plain']).toMatch(/^n[12]$/);
    expect(said['default/never']).toContain(reason);
    expect(scene.queue.placeOf('default/plain')).toBeUndefined();
    expect(scene.queue.placeOf('default/never')).toBe('parked');
  });

  it('as far from its own kind as there are hosts: as many as hosts are placed, one more when a host comes', async () => {
    const scene = new Scene();
    for (const name of ['n1', 'n2']) scene.state.setNode(nodeOf(name));
    const required = [{ topologyKey: 'kubernetes.io/hostname', labelSelector: app }];
    const words: TaskWords = {
      labels: { app: 'x' },
      affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } },
    };
    for (let at = 0; at < 4; at++) scene.ask(`t${at}`, words);
    const said = Object.values(scene.decide());
    expect(said.filter((one) => /^n\d$/.test(one)).sort()).toEqual(['n1', 'n2']);
    scene.state.setNode(nodeOf('n3'));
    await scene.clock.advance(11_000);
    scene.queue.flush();
    expect(Object.values(scene.decide()).filter((one) => one === 'n3')).toHaveLength(1);
  });
});

describe('a node that shrinks below what is bound to it', () => {
  it('gets nothing new, not even what asks for little, until enough has ended', async () => {
    const scene = new Scene();
    const large = { allocatable: { cpu: '4', memory: '4Gi', pods: '10' } };
    scene.state.setNode(nodeOf('n1', large));
    scene.ask('a', { requests: { cpu: '2' } }).ask('b', { requests: { cpu: '2' } });
    expect(scene.decide()).toEqual({ 'default/a': 'n1', 'default/b': 'n1' });
    scene.state.setNode(nodeOf('n1', { allocatable: { ...large.allocatable, cpu: '1' } }));
    expect(scene.ask('c', { requests: { cpu: '100m' } }).decide()['default/c']).toContain(
      '1 insufficient cpu',
    );
    scene.state.removeTask('uid-of-a');
    expect(scene.decide()).toEqual({});
    scene.state.removeTask('uid-of-b');
    await scene.clock.advance(11_000);
    scene.queue.flush();
    expect(scene.decide()).toEqual({ 'default/c': 'n1' });
  });

  it('that loses the GPU a task has gives nobody else what is left of it', () => {
    const scene = new Scene();
    scene.state.setNode(nodeOf('n1', { devices: ['gpu0', 'gpu1'] }));
    scene.ask('a', { requests: { 'gantry.dev/gpu-milli': '600' } });
    expect(scene.decide()).toEqual({ 'default/a': 'n1' });
    scene.state.setNode(nodeOf('n1', { devices: ['gpu1'] }));
    const said = scene.ask('b', { requests: { 'gantry.dev/gpu-milli': '600' } }).decide();
    expect(said['default/b']).toContain('insufficient gantry.dev/gpu-milli');
  });
});
