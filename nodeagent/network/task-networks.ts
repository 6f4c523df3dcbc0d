/**
 * Networks of their own for tasks that ask for one (`hostNetwork: false`): a network namespace per task, on a
 * bridge of the node, made by the CNI plugins bridge, host-local and (for hostPort) portmap.
 *
 *   <run>/netns/<uid>         the namespace, as a mounted file
 *   <run>/netns/<uid>.json    the plugins' result: written last, so that it says the network is whole
 *
 * Invariant: whatever step an agent died at, `ensure` makes it anew and `remove` leaves nothing.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerPort } from '../../api/kinds/task-spec.ts';
import { runCommand, tryCommand } from '../command.ts';
import { type CniCall, type CniResult, type PluginConfig, runPlugin } from './cni.ts';
import { taskBridge } from './virtual-ips.ts';

export interface TaskNetworksOptions {
  /** Wiped by a reboot, as namespaces are. */
  runDirectory: string;
  /** Addresses of tasks are taken from it: `10.88.1.0/24`. */
  subnet: string;
}

interface Attachment {
  address: string;
  result: CniResult;
  mappings: PortMapping[];
}

interface PortMapping {
  hostPort: number;
  containerPort: number;
  protocol: 'tcp' | 'udp';
}

export interface TaskNetwork {
  /** Path of the namespace. */
  path: string;
  address: string;
}

export class TaskNetworks {
  readonly #directory: string;
  readonly #bridge: PluginConfig;
  /** The containers of a task start side by side; one makes the network, the others find it. */
  readonly #inHand = new Map<string, Promise<TaskNetwork>>();

  constructor({ runDirectory, subnet }: TaskNetworksOptions) {
    this.#directory = join(runDirectory, 'netns');
    this.#bridge = {
      type: 'bridge',
      bridge: taskBridge,
      isGateway: true,
      ipMasq: true,
      hairpinMode: true,
      ipam: {
        type: 'host-local',
        dataDir: join(runDirectory, 'cni'),
        ranges: [[{ subnet }]],
        routes: [{ dst: '0.0.0.0/0' }],
      },
    };
  }

  /** The network of the task, made if it is not there. `ports` with a hostPort are also reached on the node's address. */
  async ensure(uid: string, ports: readonly ContainerPort[]): Promise<TaskNetwork> {
    const before = this.#inHand.get(uid);
    if (before) return before;
    const making = this.#ensure(uid, ports).finally(() => this.#inHand.delete(uid));
    this.#inHand.set(uid, making);
    return making;
  }

  async #ensure(uid: string, ports: readonly ContainerPort[]): Promise<TaskNetwork> {
    const path = join(this.#directory, uid);
    const known = await this.#attachment(uid);
    if (known && (await isMounted(path))) return { path, address: known.address };
    await this.remove(uid);
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    await writeFile(path, '');
    await runCommand('unshare', [`--net=${path}`, 'true']);
    await runCommand('nsenter', [`--net=${path}`, 'ip', 'link', 'set', 'lo', 'up']);
    // All its ports are the task's, whoever it runs as; in a user namespace its capabilities do not count here.
    await runCommand('nsenter', [`--net=${path}`, 'sysctl', '-qw', 'net.ipv4.ip_unprivileged_port_start=0']);
    const result = (await runPlugin(callOf('ADD', uid, path), this.#bridge)) ?? {};
    const mappings = ports.flatMap(mappingOf);
    if (mappings.length > 0) await runPlugin(callOf('ADD', uid, path), portmap(mappings), result);
    const address = result.ips?.[0]?.address.split('/')[0] ?? '';
    const attachment: Attachment = { address, result, mappings };
    await writeFile(`${path}.json.part`, JSON.stringify(attachment));
    await rename(`${path}.json.part`, `${path}.json`);
    return { path, address };
  }

  /** Gives back the address, takes out the rules and the namespace. Repeatable. */
  async remove(uid: string): Promise<void> {
    const path = join(this.#directory, uid);
    const names = await readdir(this.#directory).catch(() => []);
    if (!names.some((name) => name.startsWith(uid))) return;
    const known = await this.#attachment(uid);
    const call = callOf('DEL', uid, (await isMounted(path)) ? path : '');
    // Without its result nobody knows whether it got as far as the rules.
    const mappings = known ? known.mappings : [anyMapping];
    if (mappings.length > 0) await runPlugin(call, portmap(mappings), known?.result);
    await runPlugin(call, this.#bridge, known?.result);
    await unmount(path);
    for (const name of [`${uid}.json`, `${uid}.json.part`, uid])
      await rm(join(this.#directory, name), { force: true });
  }

  /** Networks of tasks nobody knows, left by a deletion cut short. */
  async removeStrays(known: ReadonlySet<string>): Promise<void> {
    const names = await readdir(this.#directory).catch(() => []);
    const uids = new Set(names.map((name) => name.replace(/\.json(\.part)?$/, '')));
    for (const uid of uids) if (!known.has(uid)) await this.remove(uid);
  }

  async #attachment(uid: string): Promise<Attachment | undefined> {
    try {
      return JSON.parse(await readFile(join(this.#directory, `${uid}.json`), 'utf8')) as Attachment;
    } catch {
      return undefined;
    }
  }
}

/** For `gantry down`: the bridge, its rules and all addresses go with the node's namespace; only mounts are left. */
export async function unmountTaskNetworks(runDirectory: string): Promise<void> {
  const directory = join(runDirectory, 'netns');
  for (const name of await readdir(directory).catch(() => [])) await unmount(join(directory, name));
}

function callOf(command: CniCall['command'], uid: string, netns: string): CniCall {
  return { command, containerId: uid, netns, interfaceName: 'eth0' };
}

function mappingOf({ hostPort = 0, containerPort, protocol }: ContainerPort): PortMapping[] {
  return hostPort > 0 ? [{ hostPort, containerPort, protocol: protocol === 'UDP' ? 'udp' : 'tcp' }] : [];
}

/** The plugin takes out all rules of a task, whichever port it is told; told of none, it does nothing. */
const anyMapping: PortMapping = { hostPort: 1, containerPort: 1, protocol: 'tcp' };

function portmap(portMappings: readonly PortMapping[]): PluginConfig {
  return { type: 'portmap', backend: 'iptables', snat: true, runtimeConfig: { portMappings } };
}

async function isMounted(path: string): Promise<boolean> {
  const table = await readFile('/proc/self/mounts', 'utf8').catch(() => '');
  return table.split('\n').some((line) => line.split(' ')[1] === path);
}

async function unmount(path: string): Promise<void> {
  while (await isMounted(path)) {
    const { exitCode } = await tryCommand('umount', [path]);
    if (exitCode !== 0) await runCommand('umount', ['--lazy', path]);
  }
}
