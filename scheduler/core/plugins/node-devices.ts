/**
 * GPUs by the thousandth: a part of one must be free on a single device, whole ones on as many devices that
 * nobody shares. The sum over the node is NodeResourcesFit's to check.
 */
import { chooseDevices, gpuMilli, wholeDevice } from '../../../api/kinds/devices.ts';
import { feasible, type Plugin } from '../plugin.ts';
import type { Snapshot } from '../snapshot.ts';

export const nodeDevices = {
  name: 'NodeDevices',

  preFilter: ({ requests }) => requests[gpuMilli],

  filter(milli, snapshot, { column, mark }) {
    for (let slot = 0; slot < snapshot.size; slot++)
      if (column[slot] === feasible && !fits(milli, snapshot, slot)) column[slot] = mark;
  },

  admits: fits,

  explain: (milli) => [
    {
      reason:
        milli < wholeDevice
          ? `without a GPU that has ${milli} milli free`
          : `without ${milli / wholeDevice} GPUs that nobody shares`,
    },
  ],

  hint: (event, { requests }, snapshot) =>
    (event.type !== 'NodeChanged' || event.changes.has('allocatable')) &&
    fits(requests[gpuMilli] ?? 0, snapshot, event.slot),
} satisfies Plugin<number>;

function fits(milli: number, snapshot: Snapshot, slot: number): boolean {
  return chooseDevices(snapshot.deviceFree(slot), milli) !== undefined;
}
