import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { samplesAsCsv, samplesAsSvg } from '../../../scheduler/sim/chart.ts';
import { compactCell } from '../../../scheduler/sim/compaction.ts';
import { type SimResult, simulate } from '../../../scheduler/sim/simulation.ts';
import { parseNodes, parseTrace } from '../../../scheduler/sim/trace.ts';
import { nodeOf, taskOf } from '../cell.ts';

const nodes = (count: number, cpu = 4) =>
  parseNodes(
    ['name,cpu,memory', ...Array.from({ length: count }, (_, at) => `n${at},${cpu},8Gi`)].join('\n'),
    'nodes.csv',
  );
const trace = (...lines: string[]) =>
  parseTrace(['arrival,duration,cpu,memory,count', ...lines].join('\n'), 'trace.csv');
const waits = ({ fates }: SimResult) =>
  fates.map(({ placedAt, arrival }) => (placedAt === undefined ? undefined : placedAt - arrival));

describe('a simulation', () => {
  it('a task waits until another has ended', () => {
    const result = simulate(nodes(1), trace('0,100,3,1Gi,1', '10,50,3,1Gi,1'));
    expect(waits(result)).toEqual([0, 90]);
    expect(result.fates.map(({ endedAt }) => endedAt)).toEqual([100, 150]);
    expect(result.utilisation['cpu']).toEqual({ mean: 0.75, peak: 0.75 });
  });

  it('a task that fits nowhere is never placed and the rest goes on', () => {
    expect(waits(simulate(nodes(1), trace('0,10,5,1Gi,1', '1,10,1,1Gi,1')))).toEqual([undefined, 0]);
  });

  it('tasks without duration never end', () => {
    const result = simulate(nodes(1), trace('0,,2,1Gi,3'));
    expect(waits(result)).toEqual([0, 0, undefined]);
    expect(result.samples.at(-1)).toMatchObject({ running: 2, waiting: 1, used: { cpu: 1 } });
  });

  it('a gang waits until all of it fits, and starts at one moment', () => {
    const member = (name: string) =>
      taskOf(name, { job: 'mpi', gang: { minMember: 3 }, requests: { cpu: '3' } });
    const gang = ['m0', 'm1', 'm2'].map((name) => ({ task: member(name), arrival: 10, duration: 50 }));
    const result = simulate(nodes(3), [...trace('0,100,3,1Gi,1'), ...gang]);
    expect(result.fates.map(({ placedAt }) => placedAt)).toEqual([0, 100, 100, 100]);
  });

  it('a gang larger than the cell is never placed, not even in part', () => {
    const gang = ['m0', 'm1', 'm2'].map((name) => ({
      task: taskOf(name, { job: 'mpi', gang: { minMember: 3 }, requests: { cpu: '3' } }),
      arrival: 0,
    }));
    const result = simulate(nodes(2), [...gang, ...trace('5,10,3,1Gi,2')]);
    expect(waits(result)).toEqual([undefined, undefined, undefined, 0, 0]);
  });

  it('a checkpoint leaves running tasks where they are', () => {
    const objects = [
      taskOf('runs', { nodeName: 'n1', requests: { cpu: '3' } }),
      taskOf('waits', { requests: { cpu: '3' } }),
      taskOf('over', { nodeName: 'n0', requests: { cpu: '4' }, phase: 'Succeeded' }),
    ];
    const checkpoint = parseTrace(JSON.stringify({ items: objects }), 'tasks.json');
    const result = simulate(
      parseNodes(JSON.stringify([nodeOf('n0'), nodeOf('n1')]), 'nodes.json'),
      checkpoint,
    );
    expect(result.fates.map(({ asked }) => asked.task.metadata.name)).toEqual(['runs', 'waits']);
    expect(result.samples.at(-1)).toMatchObject({ running: 2, waiting: 0 });
  });

  it.each([
    ['openb list', 'sn,cpu_milli,memory_mib,gpu,model\nn0,96000,786432,2,V100'],
    ['table', 'name,cpu,memory,gantry.dev/gpu-milli,label:gantry.dev/gpu-model\nn0,96,768Gi,2000,V100'],
  ])('the GPUs of an %s are devices that tasks share', (_form, gpuNodes) => {
    const asks = ['half0,4000,1024,1,500,,0,', 'half1,4000,1024,1,500,V100,1,', 'most,4000,1024,1,600,,2,'];
    const head = 'name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,creation_time,deletion_time';
    const more = ['more,4000,1024,1,500,,3,', 'other,4000,1024,1,100,T4,4,'];
    const result = simulate(
      parseNodes(gpuNodes, 'nodes.csv'),
      parseTrace([head, ...asks, ...more].join('\n'), 'pods.csv'),
    );
    expect(waits(result)).toEqual([0, 0, 0, undefined, undefined]);
  });

  it('an empty trace on no nodes is an empty result', () => {
    expect(simulate([], [])).toMatchObject({ fates: [], utilisation: {} });
  });

  const anyTrace = fc.array(
    fc.record({
      arrival: fc.nat(100),
      duration: fc.integer({ min: 1, max: 50 }),
      cpu: fc.integer({ min: 1, max: 5 }),
    }),
    { maxLength: 40 },
  );

  it('gives the same twice, over-commits nothing, and places all that fits an empty node', () => {
    fc.assert(
      fc.property(anyTrace, (records) => {
        const parsed = () =>
          parseTrace(JSON.stringify(records.map((one) => ({ ...one, memory: '1Gi' }))), 'trace.json');
        const result = simulate(nodes(2), parsed());
        expect(simulate(nodes(2), parsed()).decisionHash).toBe(result.decisionHash);
        expect(result.utilisation['cpu']?.peak ?? 0).toBeLessThanOrEqual(1);
        const never = result.fates.filter(({ placedAt }) => placedAt === undefined);
        expect(never).toHaveLength(records.filter(({ cpu }) => cpu > 4).length);
      }),
      { numRuns: 100 },
    );
  });
});

describe('cell compaction', () => {
  it('finds how few nodes would do', () => {
    const tasks = trace('0,,1,1Gi,8').map(({ task }) => task);
    expect(compactCell(nodes(6), tasks, { trials: 5, seed: 1 })).toEqual({
      nodes: 6,
      needed: 2,
      trials: [2, 2, 2, 2, 2],
    });
  });

  it('needs all nodes when the tasks do not even fit into them', () => {
    const tasks = trace('0,,4,1Gi,8').map(({ task }) => task);
    expect(compactCell(nodes(6), tasks, { trials: 3, seed: 1 }).needed).toBe(6);
  });
});

describe('the chart', () => {
  const { samples } = simulate(nodes(1), trace('0,100,3,1Gi,1', '10,50,3,1Gi,1'));

  it('is a table with one line per sample', () => {
    const [head, ...rows] = samplesAsCsv(samples).trim().split('\n');
    expect(head).toBe('at,running,waiting,used cpu,used memory,fragmentation');
    expect(rows).toHaveLength(samples.length);
  });

  it('is a picture without broken numbers, its title escaped', () => {
    const svg = samplesAsSvg(samples, '<trace> & more');
    expect(svg).toContain('&lt;trace> &amp; more');
    expect(svg.match(/<polyline/g)).toHaveLength(5);
    expect(svg).not.toMatch(/NaN|Infinity/);
    expect(samplesAsSvg(simulate([], []).samples, 'empty')).not.toMatch(/NaN|Infinity/);
  });
});

describe('traces that are no good', () => {
  it.each([
    ['arrival,cpu\nx,1', 'trace:2: arrival: "x" is not a whole number'],
    ['arrival,cpu\n1,lots', 'trace:2: cpu: "lots" is not a quantity'],
    ['[{"arrival":1,"cpu":"-"}]', 'trace:2: cpu: "-" is not a quantity'],
    ['{"a":1}', 'trace: is neither a list nor an object with items'],
    ['[{"kind":"Node"}]', 'trace: holds something that is no Task object'],
    ['{', 'trace: '],
    ['name,arrival,cpu\na,1,1\na,2,1', 'trace: the name "sim/a" is there twice'],
  ])('%j says what and where', (text, message) => {
    expect(() => parseTrace(text, 'trace')).toThrow(message);
  });
});
