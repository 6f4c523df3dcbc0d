/**
 * Devices that can be shared: the GPUs of a node, each a thousand thousandths. Free of schemas, so that the
 * scheduler decides and the API server binds with the same choice.
 *
 * A task asks for `gantry.dev/gpu-milli`: less than 1000 is a part of one device, which it shares; 1000 or a
 * multiple are as many whole devices, to itself.
 */
import { type ResourceAmounts, resourceAmounts } from '../meta/quantity.ts';
import type { NodeStatus } from './node.ts';

export const gpuMilli = 'gantry.dev/gpu-milli';
export const wholeDevice = 1000;

/** Thousandths by the name of the device. */
export type DeviceShares = Readonly<Record<string, number>>;

/** What tasks may have of a node: as its agent reports it, and all of its devices. */
export function allocatableOf({
  allocatable,
  devices = [],
}: Pick<NodeStatus, 'allocatable' | 'devices'>): ResourceAmounts {
  const amounts = resourceAmounts(allocatable);
  if (devices.length > 0) amounts[gpuMilli] = devices.length * wholeDevice;
  else delete amounts[gpuMilli];
  return amounts;
}

/**
 * The devices a task gets of those with so much free, by their position: for a part the one with least left
 * over, whole ones from the first. Undefined when they would not do.
 */
export function chooseDevices(free: readonly number[], milli: number): number[] | undefined {
  if (milli < wholeDevice) {
    let best = -1;
    for (let at = 0; at < free.length; at++)
      if (free[at]! >= milli && (best < 0 || free[at]! < free[best]!)) best = at;
    return best < 0 ? undefined : [best];
  }
  const whole: number[] = [];
  for (let at = 0; at < free.length && whole.length * wholeDevice < milli; at++)
    if (free[at] === wholeDevice) whole.push(at);
  return whole.length * wholeDevice === milli ? whole : undefined;
}

/** The share of each chosen device. */
export function sharesOf(names: readonly string[], chosen: readonly number[], milli: number): DeviceShares {
  return Object.fromEntries(chosen.map((at) => [names[at] ?? '', Math.min(milli, wholeDevice)]));
}

/** By position in `names`: what the shares leave. Shares of devices that are gone count nowhere. */
export function freeOf(names: readonly string[], shares: Iterable<DeviceShares>): number[] {
  const used: Record<string, number> = {};
  for (const one of shares) for (const name in one) used[name] = (used[name] ?? 0) + one[name]!;
  return names.map((name) => wholeDevice - (used[name] ?? 0));
}
