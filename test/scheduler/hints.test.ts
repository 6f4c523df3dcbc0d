/**
 * Which events wake a refused task: those that its refusal could end by, and no others. Each filter speaks for
 * itself: that a new node is not ready keeps only those asleep whom readiness kept out.
 */
import { describe, expect, it } from 'vitest';
import { givesHope } from '../../scheduler/core/hints.ts';
import { scheduleTask } from '../../scheduler/core/schedule.ts';
import { schedulingTask } from '../../scheduler/core/scheduling-task.ts';
import { Cell, type NodeWords, nodeOf, type TaskWords, taskOf } from './cell.ts';

const app = { matchLabels: { app: 'x' } };
const term = { topologyKey: 'zone', labelSelector: app };
const small = { cpu: '1', memory: '1Gi', pods: '10' };

/** What happens to n1, on which the tasks `there` and `unlike` run; n2 is not ready and runs nothing. */
const events: Readonly<Record<string, (cell: Cell, node: NodeWords) => void>> = {
  'a like task ends': ({ state }) => state.removeTask('uid-of-there'),
  'a like task starts': ({ state }) =>
    state.assume(schedulingTask(taskOf('another', { labels: { app: 'x' } })), 'n2'),
  'an unlike task ends': ({ state }) => state.removeTask('uid-of-unlike'),
  'a node comes': ({ state }) => state.setNode(nodeOf('n3', { labels: { zone: 'c' } })),
  'a node comes, neither ready nor open': ({ state }) =>
    state.setNode(nodeOf('n3', { ready: false, cordoned: true, labels: { zone: 'c' }, allocatable: {} })),
  'a node goes': ({ state }) => state.removeNode('n2'),
  'n1 grows': ({ state }, node) => {
    const allocatable = { ...(node.allocatable ?? small), cpu: '64', 'gantry.dev/moon': '1' };
    state.setNode(nodeOf('n1', { ...node, allocatable, devices: ['gpu0', 'gpu1'] }));
  },
  'n1 gets labels': ({ state }, node) =>
    state.setNode(nodeOf('n1', { ...node, labels: { zone: 'z', disk: 'ssd' } })),
  'n1 loses its taint': ({ state }, node) => state.setNode(nodeOf('n1', { ...node, taints: [] })),
  'n1 is uncordoned': ({ state }, node) => state.setNode(nodeOf('n1', { ...node, cordoned: false })),
  'n1 is ready': ({ state }, node) => state.setNode(nodeOf('n1', { ...node, ready: true })),
  'n1 is heard of, unchanged': ({ state }, node) => state.setNode(nodeOf('n1', node)),
};

interface Case {
  node?: NodeWords;
  task?: TaskWords;
  there?: TaskWords;
  unlike?: TaskWords;
  wakes: (keyof typeof events)[];
}

const refusedBy: Readonly<Record<string, Case>> = {
  NodeUnschedulable: { node: { cordoned: true }, wakes: ['n1 is uncordoned', 'a node comes'] },
  NodeReady: { node: { ready: false }, wakes: ['n1 is ready', 'a node comes'] },
  TaintToleration: {
    node: { taints: [{ key: 'dedicated', effect: 'NoSchedule' }] },
    wakes: ['n1 loses its taint', 'a node comes', 'a node comes, neither ready nor open'],
  },
  NodeAffinity: { task: { nodeSelector: { disk: 'ssd' } }, wakes: ['n1 gets labels'] },
  NodePorts: {
    task: { ports: [{ containerPort: 80 }] },
    there: { ports: [{ containerPort: 80 }] },
    wakes: ['a like task ends', 'a node comes', 'a node comes, neither ready nor open'],
  },
  NodeResourcesFit: {
    node: { allocatable: small },
    task: { requests: { cpu: '1' } },
    there: { requests: { cpu: '500m' } },
    wakes: ['a like task ends', 'n1 grows', 'a node comes'],
  },
  NodeDevices: {
    node: { devices: ['gpu0', 'gpu1'] },
    task: { requests: { 'gantry.dev/gpu-milli': '700' } },
    there: { requests: { 'gantry.dev/gpu-milli': '600' } },
    unlike: { requests: { 'gantry.dev/gpu-milli': '600' } },
    wakes: ['a like task ends', 'an unlike task ends'],
  },
  TopologySpread: {
    node: { labels: { zone: 'a' } },
    task: {
      topologySpreadConstraints: [
        {
          ...term,
          maxSkew: 1,
          whenUnsatisfiable: 'DoNotSchedule',
          nodeAffinityPolicy: 'Honor',
          nodeTaintsPolicy: 'Ignore',
        },
      ],
    },
    wakes: [
      'a like task ends',
      'a like task starts',
      'a node comes',
      'a node comes, neither ready nor open',
      'a node goes',
      'n1 gets labels',
    ],
  },
  InterTaskAffinity: {
    node: { labels: { zone: 'a' } },
    task: { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } } },
    wakes: [
      'a like task ends',
      'a node comes',
      'a node comes, neither ready nor open',
      'a node goes',
      'n1 gets labels',
    ],
  },
};

function wokenBy(filter: string, { node = {}, task = {}, there = {}, unlike = {} }: Case): string[] {
  return Object.keys(events).filter((event) => {
    const cell = new Cell({ n1: node, n2: { ready: false, labels: { zone: 'b' } } });
    const { state, profile } = cell;
    state.assume(schedulingTask(taskOf('there', { labels: { app: 'x' }, ...there })), 'n1');
    state.assume(schedulingTask(taskOf('unlike', unlike)), 'n1');
    const asked = schedulingTask(taskOf('asked', { labels: { app: 'x' }, ...task }));
    const decision = scheduleTask(profile, state.snapshot, asked);
    expect(decision.node === undefined && decision.explanation.rejected.map((one) => one.filter)).toContain(
      filter,
    );
    cell.events.length = 0;
    events[event]?.(cell, node);
    return cell.events.some((one) =>
      givesHope(profile, state.snapshot, { event: one, task: asked, refusedBy: new Set([filter]) }),
    );
  });
}

describe('a task refused by', () => {
  it.each(Object.entries(refusedBy))('%s is woken by what may help it alone', (filter, words) => {
    expect(wokenBy(filter, words).sort()).toEqual([...words.wakes].sort());
  });

  it('every filter of the default profile, or a volume, has its row here', () => {
    const { profile } = new Cell();
    const filters = profile.filters.map(({ name }) => name).filter((name) => name !== 'VolumeBinding');
    expect(Object.keys(refusedBy).sort()).toEqual(filters.sort());
  });
});
