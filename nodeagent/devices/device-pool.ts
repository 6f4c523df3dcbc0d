/**
 * Which container has which device. Whole ones the scheduler counts and the node hands out; a container keeps its
 * own over restarts, as it is in its record. Shared ones, GPUs by the thousandth, are told by name, and the bind says
 * on the task which it has.
 */
import { gpuMilli, wholeDevice } from '../../api/kinds/devices.ts';
import type { NodeStatus } from '../../api/kinds/node.ts';
import type { TaskSpec } from '../../api/kinds/task.ts';
import type { Container } from '../../api/kinds/task-spec.ts';
import { resourceAmounts } from '../../api/meta/quantity.ts';
import { type ContainerRecord, isOver, type TaskRecord } from '../task/task-record.ts';
import { type ContainerEdits, type Device, qualifiedName } from './cdi-spec.ts';

export class DevicePool {
  readonly #whole: readonly Device[];
  readonly #shared: readonly Device[];
  readonly #records: () => readonly TaskRecord[];

  /** `sharedKinds`: `vendor.com/class` of devices that tasks may have parts of. */
  constructor(
    devices: readonly Device[],
    records: () => readonly TaskRecord[],
    sharedKinds: readonly string[] = [],
  ) {
    const isShared = ({ resource }: Device): boolean => sharedKinds.includes(resource);
    this.#whole = devices.filter((device) => !isShared(device));
    this.#shared = devices.filter(isShared);
    this.#records = records;
  }

  /** For the node's capacity: how many there are of each, and the thousandths of those that are shared. */
  capacity(): Record<string, string> {
    const counts = new Map<string, number>();
    for (const { resource } of this.#whole) counts.set(resource, (counts.get(resource) ?? 0) + 1);
    if (this.#shared.length > 0) counts.set(gpuMilli, this.#shared.length * wholeDevice);
    return Object.fromEntries([...counts].map(([resource, count]) => [resource, String(count)]));
  }

  /** For the node's status: those of which tasks may have parts. */
  shared(): NonNullable<NodeStatus['devices']> {
    return this.#shared.map((device) => ({ name: qualifiedName(device) }));
  }

  /** Writes what it hands out into the container's record. Undefined: there are too few now. */
  assign(
    container: Container,
    record: ContainerRecord,
    task: Pick<TaskSpec, 'devices'> = {},
  ): ContainerEdits[] | undefined {
    const parts = this.#partsOf(container, task);
    const kept = named(this.#whole, record.devices ?? []);
    const wanted = Object.entries(this.#wanted(container));
    const lacks = wanted.some(
      ([resource, count]) => count !== kept.filter((one) => one.resource === resource).length,
    );
    const devices = lacks ? this.#choose(wanted, record) : kept;
    if (!devices || !parts) return undefined;
    if (devices.length > 0) record.devices = devices.map(qualifiedName);
    return [...devices, ...parts].flatMap(({ edits }) => edits);
  }

  /** What the task has parts of, for a container that asks for some. Undefined: one is no more. */
  #partsOf({ resources }: Container, { devices = {} }: Pick<TaskSpec, 'devices'>): Device[] | undefined {
    if (!resourceAmounts(resources.limits ?? resources.requests)[gpuMilli]) return [];
    const names = Object.keys(devices);
    const found = named(this.#shared, names);
    return found.length === names.length ? found : undefined;
  }

  /** Only what is described here: other extended resources are counted and nothing more. */
  #wanted({ resources }: Container): Record<string, number> {
    const known = new Set(this.#whole.map(({ resource }) => resource));
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
      this.#whole
        .filter((one) => one.resource === resource && !taken.has(qualifiedName(one)))
        .slice(0, count),
    );
    return chosen.every((devices, index) => devices.length === wanted[index]![1]) ? chosen.flat() : undefined;
  }
}

function named(devices: readonly Device[], names: readonly string[]): Device[] {
  return devices.filter((device) => names.includes(qualifiedName(device)));
}
