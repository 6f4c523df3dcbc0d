/** The GPUs of each slot, and what tasks have of them. Part of the node table. */
import { type DeviceShares, freeOf } from '../../api/kinds/devices.ts';

interface SlotDevices {
  names: readonly string[];
  /** Of the tasks there, those that have devices. */
  shares: readonly DeviceShares[];
  free: readonly number[];
}

const none: SlotDevices = { names: [], shares: [], free: [] };

export class DeviceTable {
  readonly #bySlot: (SlotDevices | undefined)[] = [];

  on(slot: number): Pick<SlotDevices, 'names' | 'free'> {
    return this.#bySlot[slot] ?? none;
  }

  setNames(slot: number, names: readonly string[]): void {
    if (names.length > 0 || this.#bySlot[slot]) this.#put(slot, { ...(this.#bySlot[slot] ?? none), names });
  }

  charge(slot: number, shares: DeviceShares): void {
    const before = this.#bySlot[slot] ?? none;
    this.#put(slot, { ...before, shares: [...before.shares, shares] });
  }

  discharge(slot: number, shares: DeviceShares): void {
    const before = this.#bySlot[slot] ?? none;
    this.#put(slot, { ...before, shares: before.shares.filter((one) => one !== shares) });
  }

  #put(slot: number, { names, shares }: SlotDevices): void {
    this.#bySlot[slot] = { names, shares, free: freeOf(names, shares) };
  }
}
