/** Expected fragmentation as a score: where GPUs go so that the rest stays of use. */
import { describe, expect, it } from 'vitest';
import { bestFit } from '../../scheduler/core/plugins/best-fit.ts';
import { fragmentation } from '../../scheduler/core/plugins/fragmentation.ts';
import { bestFitPlugins, Profile } from '../../scheduler/core/profile.ts';
import { rankNodes, scheduleTask } from '../../scheduler/core/schedule.ts';
import { schedulingTask } from '../../scheduler/core/scheduling-task.ts';
import { Cell, type NodeWords, type TaskWords, taskOf } from './cell.ts';

const gpus = (count: number): string[] => Array.from({ length: count }, (_, at) => `gpu${at}`);
const asks = (milli: number, more: Partial<TaskWords> = {}): TaskWords => ({
  requests: { cpu: '1', ...(milli > 0 ? { 'gantry.dev/gpu-milli': `${milli}` } : {}) },
  ...more,
});
const large = { cpu: '16', memory: '64Gi', pods: '110' };

/** A cell in which such tasks run, by their node. */
function cellWith(nodes: Record<string, NodeWords>, running: [string, TaskWords][]): Cell {
  const cell = new Cell(nodes);
  for (const [at, [node, words]] of running.entries())
    cell.state.assume(schedulingTask(taskOf(`running-${at}`, words)), node);
  return cell;
}

function chosen(cell: Cell, words: TaskWords, profile = new Profile()): string | undefined {
  return scheduleTask(profile, cell.state.snapshot, schedulingTask(taskOf('asked', words))).node;
}

describe('the score of expected fragmentation', () => {
  const cases: [string, Record<string, NodeWords>, [string, TaskWords][], TaskWords, string][] = [
    [
      'nothing is left over that is too small for those to be expected',
      { n1: { devices: gpus(1) }, n2: { devices: gpus(1) } },
      [['n2', asks(400)]],
      asks(300),
      'n1',
    ],
    [
      'where whole GPUs are to be expected, a part leaves them whole, though the fit elsewhere is worse',
      {
        n1: { devices: gpus(2), allocatable: { cpu: '4', memory: '8Gi', pods: '110' } },
        n2: { devices: gpus(2), allocatable: large },
        n3: { devices: gpus(4), allocatable: large },
      },
      [
        ['n3', asks(2000)],
        ['n3', asks(2000)],
        ['n2', asks(500)],
      ],
      asks(500),
      'n2',
    ],
    [
      'a task without GPU keeps off the cpu that a free GPU needs',
      {
        n1: { devices: gpus(1), allocatable: { cpu: '2', memory: '4Gi', pods: '110' } },
        n2: { allocatable: large },
        n3: { devices: gpus(2), allocatable: large },
      },
      [['n3', { requests: { cpu: '2', 'gantry.dev/gpu-milli': '1000' } }]],
      asks(0),
      'n2',
    ],
    [
      'free GPUs of a model nobody asks for are nobody’s loss',
      {
        n1: { devices: gpus(1), labels: { model: 'wanted' } },
        n2: { devices: gpus(1), labels: { model: 'unwanted' } },
      },
      [['n1', asks(500, { nodeSelector: { model: 'wanted' } })]],
      asks(500),
      'n2',
    ],
  ];

  it.each(cases)('%s', (_name, nodes, running, words, node) => {
    expect(chosen(cellWith(nodes, running), words)).toBe(node);
  });

  it('takes the place of best fit in cells with GPUs, and has no say in others', () => {
    const namesOf = (cell: Cell): string[] => {
      const task = schedulingTask(taskOf('asked', asks(0)));
      const [best] = rankNodes(new Profile(), cell.state.snapshot, task);
      return best?.scores.map(({ plugin }) => plugin) ?? [];
    };
    expect(namesOf(cellWith({ n1: {} }, []))).toContain(bestFit.name);
    const withGpus = namesOf(cellWith({ n1: { devices: gpus(1) } }, [['n1', asks(500)]]));
    expect(withGpus).toContain(fragmentation.name);
    expect(withGpus).not.toContain(bestFit.name);
  });

  it('a profile may do without it', () => {
    const cell = cellWith({ n1: { devices: gpus(1) }, n2: { allocatable: large } }, [['n1', asks(500)]]);
    expect(chosen(cell, asks(0), new Profile(bestFitPlugins))).toBe('n1');
    expect(chosen(cell, asks(0))).toBe('n2');
  });

  it('what is expected follows what the cell has, and is forgotten with it', () => {
    const { state } = new Cell({ n1: { devices: gpus(8), allocatable: large } });
    const tasks = [300, 300, 700, 1000].map((milli, at) => schedulingTask(taskOf(`t${at}`, asks(milli))));
    for (const task of tasks) state.assume(task, 'n1');
    expect(state.snapshot.gpuDemand.map(({ demand }) => demand.milli)).toContain(300);
    for (const task of tasks) state.forget(task.uid);
    expect(state.snapshot.gpuDemand).toEqual([]);
  });
});
