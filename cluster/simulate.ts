/**
 * `gantry sim`: nodes and a trace from files, or a checkpoint of the live cluster, through the simulator.
 * Reads, runs, prints; the pure part is `scheduler/sim`.
 */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { Node, Task } from '../api/kinds/resources.ts';
import { ApiError } from '../api/meta/api-error.ts';
import type { Output } from '../cli/output.ts';
import { formatTable } from '../cli/table.ts';
import type { Client } from '../client/client.ts';
import { samplesAsCsv, samplesAsSvg } from '../scheduler/sim/chart.ts';
import { type Compaction, compactCell } from '../scheduler/sim/compaction.ts';
import { type Fate, type SimResult, simulate } from '../scheduler/sim/simulation.ts';
import { checkpointTask, parseNodes, parseTrace, type SimTask } from '../scheduler/sim/trace.ts';

export interface SimOptions {
  /** Connects to the cluster; called only when a file is missing. */
  client: () => Promise<Client>;
  nodesFile?: string;
  traceFile?: string;
  form: 'text' | 'json' | 'csv' | 'svg';
  /** False: no task ever ends, to see how many the cell takes. */
  ends: boolean;
  /** Orders in which nodes are taken away for cell compaction; 0: not measured. */
  compactionTrials: number;
}

interface Summary {
  nodes: number;
  tasks: number;
  placed: number;
  neverPlaced: number;
  utilisation: SimResult['utilisation'];
  fragmentation: { mean: number; last: number };
  waitingSeconds: { p50: number; p99: number; max: number };
  compaction?: Compaction;
  decisionHash: string;
}

const compactionSeed = 42;

export async function sim(options: SimOptions, output: Output): Promise<number> {
  const { nodesFile, traceFile, form } = options;
  const nodes = nodesFile ? parseNodes(await read(nodesFile), nodesFile) : await liveNodes(options);
  const trace = traceFile ? parseTrace(await read(traceFile), traceFile) : await liveTasks(options);
  const result = simulate(nodes, options.ends ? trace : trace.map(withoutEnd));
  if (form === 'csv') output.out(samplesAsCsv(result.samples));
  else if (form === 'svg') output.out(samplesAsSvg(result.samples, titleOf(options, result)));
  else {
    const summary = summaryOf(nodes, result, options.compactionTrials);
    output.out(
      form === 'json'
        ? `${JSON.stringify({ ...summary, samples: result.samples }, null, 4)}\n`
        : summaryText(summary),
    );
  }
  return 0;
}

async function read(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    const problem = error.code === 'ENOENT' ? 'no such file or directory' : error.message;
    throw new ApiError('BadRequest', `${file}: ${problem}`);
  });
}

async function liveNodes({ client }: SimOptions): Promise<Node[]> {
  return (await (await client()).list(Node)).items;
}

/** All at once: who runs stays where it is, who waits is decided on. */
async function liveTasks({ client }: SimOptions): Promise<SimTask[]> {
  const { items } = await (await client()).list(Task);
  const arrival = items.reduce((last, task) => Math.max(last, checkpointTask(task).arrival), 0);
  return items.map((task) => ({ task, arrival }));
}

function withoutEnd({ task, arrival }: SimTask): SimTask {
  return { task, arrival };
}

function titleOf(
  { nodesFile = 'live nodes', traceFile = 'live tasks' }: SimOptions,
  result: SimResult,
): string {
  return `${basename(traceFile)} on ${basename(nodesFile)} (decision hash ${result.decisionHash})`;
}

function summaryOf(nodes: readonly Node[], result: SimResult, trials: number): Summary {
  const { fates, samples, utilisation, decisionHash } = result;
  const placed = fates.filter(({ placedAt }) => placedAt !== undefined);
  const waits = placed.map(({ placedAt = 0, arrival }) => placedAt - arrival);
  waits.sort((left, right) => left - right);
  const fragmentation = samples.map((sample) => sample.fragmentation);
  return {
    nodes: nodes.length,
    tasks: fates.length,
    placed: placed.length,
    neverPlaced: fates.length - placed.length,
    utilisation,
    fragmentation: {
      mean: fragmentation.reduce((sum, value) => sum + value, 0) / fragmentation.length,
      last: fragmentation.at(-1) ?? 0,
    },
    waitingSeconds: { p50: quantile(waits, 0.5), p99: quantile(waits, 0.99), max: waits.at(-1) ?? 0 },
    ...(trials > 0
      ? { compaction: compactCell(nodes, runningAt(fates, result.peakAt), { trials, seed: compactionSeed }) }
      : {}),
    decisionHash,
  };
}

function runningAt(fates: readonly Fate[], at: number): Task[] {
  return fates
    .filter(
      ({ placedAt = Number.POSITIVE_INFINITY, endedAt = Number.POSITIVE_INFINITY }) =>
        placedAt <= at && at < endedAt,
    )
    .map(({ asked }) => asked.task);
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
}

function summaryText(summary: Summary): string {
  const { nodes, tasks, placed, neverPlaced, utilisation, fragmentation, waitingSeconds, compaction } =
    summary;
  const used = Object.entries(utilisation).map(([resource, { mean, peak }]) => [
    `used ${resource}`,
    `${percent(mean)} in the mean, ${percent(peak)} at most`,
  ]);
  const { p50, p99, max } = waitingSeconds;
  const rows = [
    ['nodes', `${nodes}`],
    ['tasks', `${tasks}: ${placed} placed, ${neverPlaced} never`],
    ...used,
    [
      'fragmentation',
      `${percent(fragmentation.mean)} of free cpu in the mean, ${percent(fragmentation.last)} at the end`,
    ],
    ['waiting', `p50 ${p50} s, p99 ${p99} s, longest ${max} s`],
    ...(compaction
      ? [['compaction', `${compaction.needed} of ${nodes} nodes would do for the tasks at the peak`]]
      : []),
    ['decision hash', summary.decisionHash],
  ];
  return formatTable(rows);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
