/**
 * Which container has which device. The scheduler counts them, the node hands them out; a container keeps its
 * own over restarts, as it is in its record.
 */
import type { Container } from '../../api/kinds/task-spec.ts';
import { resourceAmounts } from '../../api/meta/quantity.ts';
import { type ContainerRecord, isOver, type TaskRecord } from '../task/task-record.ts';
import { type ContainerEdits, type Device, qualifiedName } from './cdi-spec.ts';

export class DevicePool {
  readonly #devices: readonly Device[];
  readonly #records: () => readonly TaskRecord[];

  constructor(devices: readonly Device[], records: () => readonly TaskRecord[]) {
    this.#devices = devices;
    this.#records = records;
  }

  /** For the node's capacity: how many there are of each. */
  capacity(): Record<string, string> {
    const counts = new Map<string, number>();
    for (const { resource } of this.#devices) counts.set(resource, (counts.get(resource) ?? 0) + 1);
    return Object.fromEntries([...counts].map(([resource, count]) => [resource, String(count)]));
  }

  /** Writes what it hands out into the container's record. Undefined: there are too few now. */
  assign(container: Container, record: ContainerRecord): ContainerEdits[] | undefined {
    const kept = this.#named(record.devices ?? []);
    const wanted = Object.entries(this.#wanted(container));
    const lacks = wanted.some(
      ([resource, count]) => count !== kept.filter((one) => one.resource === resource).length,
    );
    const devices = lacks ? this.#choose(wanted, record) : kept;
    if (!devices) return undefined;
    if (devices.length > 0) record.devices = devices.map(qualifiedName);
    return devices.flatMap(({ edits }) => edits);
  }

  /** Only what is described here: other extended resources are counted and nothing more. */
  #wanted({ resources }: Container): Record<string, number> {
    const known = new Set(this.#devices.map(({ resource }) => resource));
    const amounts = Object.entries(resourceAmounts(resources.limits ?? resources.requests));
    return Object.fromEntries(amounts.filter(([name]) => known.has(name)));
  }

  #choose(wanted: readonly [string, number][], own: ContainerRecord): Device[] | undefined {
    const others = this.#records().filter((record) => !isOver(record));
    const taken = new Set(
      others.flatMap(({ containers }) =>
        containers.filter((each) => each !== own).flatMap(({ devices = [] }) => devices),
      ),
    );
    const chosen = wanted.map(([resource, count]) =>
      this.#devices
        .filter((one) => one.resource === resource && !taken.has(qualifiedName(one)))
        .slice(0, count),
    );
    return chosen.every((devices, index) => devices.length === wanted[index]![1]) ? chosen.flat() : undefined;
  }

  #named(names: readonly string[]): Device[] {
    return this.#devices.filter((device) => names.includes(qualifiedName(device)));
  }
}
