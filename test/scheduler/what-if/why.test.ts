import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Node, Task } from '../../../api/kinds/resources.ts';
import type { Counterfactual } from '../../../scheduler/what-if/counterfactual.ts';
import { ForkedCell } from '../../../scheduler/what-if/forked-cell.ts';
import { whyPending } from '../../../scheduler/what-if/why.ts';
import { type NodeWords, nodeOf, type TaskWords, taskOf } from '../cell.ts';

interface CellWords {
  nodes: Record<string, NodeWords>;
  running?: Record<string, TaskWords>;
}

function objectsOf({ nodes, running = {} }: CellWords): { nodes: Node[]; tasks: Task[] } {
  return {
    nodes: Object.entries(nodes).map(([name, words]) => nodeOf(name, words)),
    tasks: Object.entries(running).map(([name, words]) => taskOf(name, words)),
  };
}

function ask(words: CellWords, asked: TaskWords): Counterfactual[] {
  const { nodes, tasks } = objectsOf(words);
  const answer = whyPending(new ForkedCell(nodes, tasks), taskOf('asked', asked));
  return answer.fits ? [] : answer.counterfactuals;
}

const texts = (found: readonly Counterfactual[]): string[] =>
  found.map(({ text, node }) => `${text}: ${node}`);

const small: NodeWords = { allocatable: { cpu: '2', memory: '4Gi', pods: '10' } };
const large: NodeWords = { allocatable: { cpu: '8', memory: '4Gi', pods: '10' } };

describe('why', () => {
  it('a task that fits is told where', () => {
    const cell = new ForkedCell([nodeOf('n1', small)], []);
    expect(whyPending(cell, taskOf('asked', { requests: { cpu: '1' } }))).toEqual({ fits: true, node: 'n1' });
  });

  it('too large a request is told the largest that fits, which is exact', () => {
    const words: CellWords = {
      nodes: { n1: small, n2: large },
      running: { a: { nodeName: 'n2', job: 'web', requests: { cpu: '6500m' } } },
    };
    expect(texts(ask(words, { requests: { cpu: '3', memory: '1Gi' } }))).toEqual([
      'if it asked for cpu <= 2: n1',
      'when job default/web ends (1 task): n2',
      'if one more node like n2 came: n2-more',
    ]);
  });

  it('what is short of two resources on every node is told both', () => {
    expect(texts(ask({ nodes: { n1: small } }, { requests: { cpu: '3', memory: '8Gi' } }))).toEqual([
      'if it asked for cpu <= 2 and memory <= 4Gi: n1',
    ]);
  });

  it('spreading, affinity and anti-affinity that stand in the way are told', () => {
    const labelSelector = { matchLabels: { app: 'web' } };
    const nodes = { n1: { labels: { zone: 'a' } }, n2: { labels: { zone: 'b' } } };
    const words: CellWords = { nodes, running: { w: { nodeName: 'n1', labels: { app: 'web' } } } };
    const terms = [{ topologyKey: 'zone', labelSelector }];
    const required = { requiredDuringSchedulingIgnoredDuringExecution: terms };
    const affinity = { podAffinity: required, podAntiAffinity: required };
    expect(texts(ask(words, { affinity }))).toEqual([
      'if the required affinity to other tasks were dropped: n2',
      'if the required anti-affinity to other tasks were dropped: n1',
    ]);
    const topologySpreadConstraints = [
      {
        topologyKey: 'zone',
        maxSkew: 1,
        minDomains: 3,
        whenUnsatisfiable: 'DoNotSchedule' as const,
        labelSelector,
        nodeAffinityPolicy: 'Honor' as const,
        nodeTaintsPolicy: 'Ignore' as const,
      },
    ];
    const full: CellWords = {
      nodes,
      running: { ...words.running, v: { nodeName: 'n2', labels: { app: 'web' } } },
    };
    expect(texts(ask(full, { labels: { app: 'web' }, topologySpreadConstraints }))).toContain(
      'if it need not be spread over zone: n1',
    );
  });

  it('a part of a GPU is told the largest that one GPU has left', () => {
    const milli = (amount: number) => ({ 'gantry.dev/gpu-milli': `${amount}` });
    const words: CellWords = {
      nodes: { n1: { devices: ['gpu0', 'gpu1'] } },
      running: {
        a: { nodeName: 'n1', requests: milli(600), devices: { gpu0: 600 } },
        b: { nodeName: 'n1', requests: milli(700), devices: { gpu1: 700 } },
      },
    };
    expect(texts(ask(words, { requests: milli(600) }))).toContain(
      'if it asked for gantry.dev/gpu-milli <= 400: n1',
    );
  });

  it('a taint, a cordon, a label and an absent node are each told', () => {
    const taints = [{ key: 'dedicated', value: 'gpu', effect: 'NoSchedule' as const }];
    expect(texts(ask({ nodes: { n1: { taints } } }, {}))).toEqual([
      'if taint dedicated=gpu:NoSchedule were tolerated: n1',
    ]);
    expect(texts(ask({ nodes: { n1: { cordoned: true } } }, {}))).toContain('if node n1 were uncordoned: n1');
    expect(texts(ask({ nodes: { n1: { ready: false } } }, {}))).toContain('if node n1 were Ready: n1');
    expect(texts(ask({ nodes: { n1: {} } }, { nodeSelector: { disk: 'ssd' } }))).toEqual([
      'if nodeSelector did not ask for disk=ssd: n1',
    ]);
  });

  it('a port that is taken is told', () => {
    const ports = [{ containerPort: 80 }];
    const words: CellWords = { nodes: { n1: {} }, running: { a: { nodeName: 'n1', job: 'web', ports } } };
    expect(texts(ask(words, { ports }))).toContain('if it did not need port TCP/80: n1');
    expect(texts(ask(words, { ports }))).toContain('when job default/web ends (1 task): n1');
  });

  it('two changes are told together when none is enough alone', () => {
    const taints = [{ key: 'dedicated', effect: 'NoSchedule' as const }];
    const words = { nodes: { n1: { taints, ...small } } };
    expect(texts(ask(words, { requests: { cpu: '3' } }))).toEqual([
      'if taint dedicated:NoSchedule were tolerated, and if it asked for cpu <= 2: n1',
    ]);
  });

  it('nothing is promised to a task that nothing helps', () => {
    expect(
      ask({ nodes: { n1: small } }, { requests: { 'example.com/gpu': '1' }, nodeSelector: { a: 'b' } }),
    ).toEqual([]);
    expect(ask({ nodes: {} }, {})).toEqual([]);
  });
});

const anyNode: fc.Arbitrary<NodeWords> = fc.record({
  allocatable: fc.record({
    cpu: fc.constantFrom('1', '2', '4'),
    memory: fc.constantFrom('1Gi', '3Gi'),
    pods: fc.constantFrom('1', '10'),
  }),
  labels: fc.record({ zone: fc.constantFrom('a', 'b') }),
  taints: fc.constantFrom([], [], [{ key: 'k', value: 'v', effect: 'NoSchedule' as const }]),
  cordoned: fc.boolean(),
  ready: fc.constantFrom(true, true, false),
});
const anyTask: fc.Arbitrary<TaskWords> = fc.record({
  requests: fc.record({ cpu: fc.constantFrom('500m', '2', '9'), memory: fc.constantFrom('512Mi', '2Gi') }),
  nodeSelector: fc.constantFrom<Record<string, string>>({}, { zone: 'a' }, { zone: 'c' }),
  ports: fc.constantFrom<{ containerPort: number }[]>([], [{ containerPort: 80 }]),
});
const anyCell = fc.record({
  nodes: fc.array(anyNode, { maxLength: 4 }),
  running: fc.array(fc.record({ task: anyTask, on: fc.nat(3), job: fc.constantFrom('web', 'db') }), {
    maxLength: 6,
  }),
  asked: anyTask,
});

/** The assumptions made true in the objects themselves. */
function applied(
  { nodes, tasks }: { nodes: Node[]; tasks: Task[] },
  asked: Task,
  { assumptions }: Counterfactual,
): { cell: ForkedCell; task: Task } {
  const changed = new Map(nodes.map((node) => [node.metadata.name, node]));
  for (const node of assumptions.flatMap((one) => one.nodes ?? [])) changed.set(node.metadata.name, node);
  const ended = new Set(assumptions.flatMap((one) => one.ended ?? []).map(({ metadata }) => metadata.uid));
  const left = tasks.filter(({ metadata }) => !ended.has(metadata.uid));
  return {
    cell: new ForkedCell([...changed.values()], left),
    task: assumptions.reduce((task, one) => one.task?.(task) ?? task, asked),
  };
}

describe('every counterfactual', () => {
  it('places the task when it is made true, and asking leaves the cell as it was', () => {
    fc.assert(
      fc.property(anyCell, ({ nodes, running, asked: words }) => {
        const objects = {
          nodes: nodes.map((one, at) => nodeOf(`n${at}`, one)),
          tasks: running
            .filter(({ on }) => on < nodes.length)
            .map(({ task, on, job }, at) => taskOf(`t${at}`, { ...task, job, nodeName: `n${on}` })),
        };
        const asked = taskOf('asked', words);
        const cell = new ForkedCell(objects.nodes, objects.tasks);
        const answer = whyPending(cell, asked);
        expect(whyPending(cell, asked)).toMatchObject(
          answer.fits ? answer : { fits: false, explanation: answer.explanation },
        );
        if (answer.fits) return;
        for (const counterfactual of answer.counterfactuals) {
          const { cell: changed, task } = applied(objects, asked, counterfactual);
          expect(changed.decide(task).node, counterfactual.text).toBe(counterfactual.node);
        }
      }),
      { numRuns: 200 },
    );
  });
});
