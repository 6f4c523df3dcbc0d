/**
 * Cell compaction (Borg, EuroSys'15) on the openb lists: how many of the cell's GPU nodes each policy needs
 * for tasks that ask for 70 % of its GPUs. Needs the traces: GANTRY_DATA, or ../shared/data beside the repository.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { seededRandom } from '../api/meta/random.ts';
import { compact, mayStayPending } from '../scheduler/sim/compaction.ts';
import { GpuCell, type GpuNode, type GpuShape } from '../scheduler/sim/gpu-cell.ts';
import { makePolicy } from '../scheduler/sim/gpu-policies.ts';
import { type GpuScheduler, inflate, PolicyScheduler, study } from '../scheduler/sim/gpu-study.ts';
import { openbNodes, openbTasks } from '../scheduler/sim/openb.ts';
import { ProductionStudy } from '../scheduler/sim/production-study.ts';
import type { Table } from './table.ts';

const lists = ['default', 'cpu050', 'gpushare40', 'gpuspec10', 'multigpu20'];
const share = 0.7;
const trials = 5;
const seed = 42;
const directory = join(
  process.env['GANTRY_DATA'] ?? resolve(import.meta.dirname, '../../shared/data'),
  'openb',
);

export async function run(): Promise<Table> {
  if (!existsSync(directory)) {
    return {
      title: `skipped: no traces at ${directory}; set GANTRY_DATA to the folder that has openb/`,
      columns: ['list'],
      rows: [],
    };
  }
  const nodes = openbNodes(read('openb_node_list_gpu_node.csv'), 'nodes');
  return {
    title: `Cell compaction: nodes needed of ${nodes.length}, 90th percentile of ${trials} orders of removal`,
    columns: ['list', ...Object.keys(schedulers)],
    rows: lists.map((list) => {
      const workload = openbTasks(read(`openb_pod_list_${list}.csv`), list);
      const tasks = tasksOfShare(nodes, workload);
      return [list, ...Object.values(schedulers).map((make) => nodesNeeded(nodes, tasks, make))];
    }),
    notes: [
      `tasks drawn from the list until they ask for ${100 * share} % of all GPUs; ${100 * mayStayPending} % may stay pending`,
      'Gantry is the production core with its default profile, which knows of the workload what it has placed so far',
      'all nodes needed: more tasks than may stay pending name a GPU model that is full',
    ],
  };
}

function read(file: string): string {
  return readFileSync(join(directory, file), 'utf8');
}

function tasksOfShare(nodes: readonly GpuNode[], workload: readonly GpuShape[]): GpuShape[] {
  const { capacity } = new GpuCell(nodes);
  let asked = 0;
  return inflate(workload, { capacity, ratio: 1.3, random: seededRandom(seed) }).filter(
    ({ gpus, gpuMilli }) => (asked += gpus * gpuMilli) <= share * capacity,
  );
}

type MakeScheduler = (nodes: readonly GpuNode[], tasks: readonly GpuShape[]) => GpuScheduler;

const schedulers: Readonly<Record<string, MakeScheduler>> = {
  BestFit: (nodes, tasks) => new PolicyScheduler(nodes, makePolicy('BestFit', tasks, seededRandom(seed))),
  FGD: (nodes, tasks) => new PolicyScheduler(nodes, makePolicy('FGD', tasks, seededRandom(seed))),
  Gantry: (nodes) => new ProductionStudy(nodes),
};

function nodesNeeded(nodes: readonly GpuNode[], tasks: readonly GpuShape[], make: MakeScheduler): number {
  const mayRefuse = mayStayPending * tasks.length;
  const holds = (some: readonly GpuNode[]): boolean =>
    study(make(some, tasks), tasks, mayRefuse).refused <= mayRefuse;
  return compact(nodes, holds, { trials, seed }).needed;
}
