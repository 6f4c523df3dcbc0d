/** GPUs by the thousandth: shared in parts, taken whole, never more of one than there is. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseDevices } from '../../api/kinds/devices.ts';
import { schedulingTask } from '../../scheduler/core/scheduling-task.ts';
import { Cell, taskOf } from './cell.ts';

const gpus = (milli: number) => ({ requests: { 'gantry.dev/gpu-milli': `${milli}` } });
const one = { n1: { devices: ['gpu0', 'gpu1'] } };

describe('the devices of a task', () => {
  it.each<[string, number[], number, number[] | undefined]>([
    ['a part goes where least is left over', [1000, 400, 500], 400, [1]],
    ['of equals the first', [500, 500], 300, [0]],
    ['a part that fits on none', [200, 200], 300, undefined],
    ['one whole device is one nobody shares', [999, 1000], 1000, [1]],
    ['several whole ones', [1000, 400, 1000], 2000, [0, 2]],
    ['too few whole ones', [1000, 900, 900], 2000, undefined],
    ['no devices', [], 1, undefined],
    ['one and a half can never be had', [1000, 1000], 1500, undefined],
  ])('%s', (_name, free, milli, expected) => {
    expect(chooseDevices(free, milli)).toEqual(expected);
  });

  it('two parts that together exceed a device go to two; a third waits, though the sum would do', () => {
    const cell = new Cell(one).run('a', 'n1', { ...gpus(600), devices: { gpu0: 600 } });
    expect(cell.decide(gpus(600)).node).toBe('n1');
    cell.run('b', 'n1', { ...gpus(600), devices: { gpu1: 600 } });
    expect(cell.answer(gpus(600))).toBe('0/1 nodes are available: 1 without a GPU that has 600 milli free');
    expect(cell.decide(gpus(400)).node).toBe('n1');
  });

  it('a whole device is not one that somebody shares', () => {
    const cell = new Cell(one).run('a', 'n1', { ...gpus(100), devices: { gpu1: 100 } });
    expect(cell.decide(gpus(1000)).node).toBe('n1');
    expect(cell.answer(gpus(2000))).toContain('insufficient gantry.dev/gpu-milli');
    cell.run('b', 'n1', { ...gpus(100), devices: { gpu0: 100 } });
    expect(cell.answer(gpus(1000))).toBe('0/1 nodes are available: 1 without 1 GPUs that nobody shares');
  });

  it('a node without devices has none, whatever it says is allocatable', () => {
    const cell = new Cell({ n1: { allocatable: { cpu: '1', 'gantry.dev/gpu-milli': '4000' } } });
    expect(cell.answer(gpus(100))).toContain('insufficient gantry.dev/gpu-milli');
  });

  it('those the API server chose count, where they are others than were assumed', () => {
    const cell = new Cell(one);
    cell.state.assume(schedulingTask(taskOf('a', gpus(600))), 'n1');
    cell.run('a', 'n1', { ...gpus(600), devices: { gpu1: 600 } });
    expect(cell.state.snapshot.deviceFree(0)).toEqual([1000, 400]);
    cell.state.removeTask('uid-of-a');
    expect(cell.state.snapshot.deviceFree(0)).toEqual([1000, 1000]);
  });

  it('no device is ever over-committed, whatever comes and goes', () => {
    const anyStep = fc.record({ milli: fc.constantFrom(100, 300, 700, 1000, 2000), ends: fc.nat(20) });
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 60 }), (steps) => {
        const cell = new Cell({ ...one, n2: { devices: ['gpu0', 'gpu1', 'gpu2'] } });
        for (const [number, { milli, ends }] of steps.entries()) {
          const task = schedulingTask(taskOf(`t${number}`, gpus(milli)));
          const { node } = cell.decide(gpus(milli), `t${number}`);
          if (node !== undefined) cell.state.assume(task, node);
          if (ends < number) cell.state.removeTask(`uid-of-t${ends}`);
          for (const slot of [0, 1])
            expect(cell.state.snapshot.deviceFree(slot).every((free) => free >= 0 && free <= 1000)).toBe(
              true,
            );
        }
      }),
    );
  });
});
