/**
 * The network of a local cluster: one bridge, and per node a network namespace with one veth to it, so
 * that every node has an address and ports of its own. Needs root on Linux.
 *
 * Nothing on the machine's own interfaces is touched: no forwarding, no filter rules, no NAT.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { execa } from 'execa';
import { ApiError } from '../api/meta/api-error.ts';
import type { NodeRecord } from './cluster-home.ts';

export interface Bridge {
  device: string;
  /** The first three bytes, such as "10.201.7". */
  subnet: string;
  /** The machine's own address on it. */
  address: string;
}

const namespaceDirectory = '/var/run/netns';

/** Undefined when nodes can have namespaces of their own here, else why not. */
export async function networkNamespacesProblem(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'this is not Linux';
  if (process.getuid?.() !== 0) return 'not root';
  const probe = `gantry-probe-${process.pid}`;
  try {
    await ip('netns', 'add', probe);
    await ip('netns', 'delete', probe);
    return undefined;
  } catch (error) {
    return `network namespaces cannot be made: ${(error as Error).message}`;
  }
}

/** A /24 out of 10.200.0.0/13 that no route of this machine covers; the same cluster tries the same one first. */
export async function chooseBridge(machineName: string): Promise<Bridge> {
  const routes = JSON.parse((await ip('-json', 'route', 'show')).stdout) as { dst: string }[];
  const taken = new Set(routes.map(({ dst }) => dst.split('.').slice(0, 3).join('.')));
  const digest = createHash('sha256').update(machineName).digest();
  for (let attempt = 0; attempt < 2048; attempt++) {
    const at = (digest.readUInt16BE(0) + attempt) % 2048;
    const subnet = `10.${200 + (at >> 8)}.${at & 255}`;
    if (!taken.has(subnet))
      return { device: `gtry-${digest.toString('hex').slice(0, 8)}`, subnet, address: `${subnet}.1` };
  }
  throw new ApiError('ServiceUnavailable', 'no free /24 left in 10.200.0.0/13 for the bridge of the cluster');
}

export async function ensureBridge({ device, address }: Bridge): Promise<void> {
  if (existsSync(linkPath(device))) return;
  await ipBatch(
    [],
    `link add ${device} type bridge\naddr add ${address}/24 dev ${device}\nlink set ${device} up\n`,
  );
}

export function linkPath(device: string): string {
  return `/sys/class/net/${device}`;
}

export function namespacePath(namespace: string): string {
  return `${namespaceDirectory}/${namespace}`;
}

/** Idempotent. The namespace's interface is eth0, its peer hangs on the bridge. */
export async function ensureNamespace(namespace: string, address: string, bridge: Bridge): Promise<void> {
  if (existsSync(namespacePath(namespace))) return;
  const peer = `gt${createHash('sha256').update(namespace).digest('hex').slice(0, 10)}`;
  await ip('netns', 'add', namespace);
  try {
    await ip('link', 'add', peer, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
    await ip('link', 'set', peer, 'master', bridge.device, 'up');
    await ipBatch(
      ['-n', namespace],
      `link set lo up\naddr add ${address}/24 dev eth0\nlink set eth0 up\nroute add default via ${bridge.address}\n`,
    );
    // Else a task could not reach itself through the address of its service. Kernels without the switch need it not.
    await ip('netns', 'exec', namespace, 'sysctl', '-qew', 'net.bridge.bridge-nf-call-iptables=0');
  } catch (error) {
    await removeNamespace(namespace);
    throw error;
  }
}

/** Between the tasks that have addresses of their own: each node's are behind its address. Repeatable. */
export async function ensureRoutes(nodes: readonly NodeRecord[]): Promise<void> {
  const routed = nodes.filter(({ taskCidr }) => taskCidr !== undefined);
  for (const { name, networkNamespace } of routed) {
    if (networkNamespace === undefined) continue;
    const others = routed.filter((other) => other.name !== name);
    const lines = others.map(({ taskCidr, address }) => `route replace ${taskCidr} via ${address}\n`);
    if (lines.length > 0) await ipBatch(['-n', networkNamespace], lines.join(''));
  }
}

/** Removing the namespace removes its end of the veth, and with it the other. */
export async function removeNamespace(namespace: string): Promise<void> {
  if (existsSync(namespacePath(namespace))) await ip('netns', 'delete', namespace);
}

export async function removeBridge({ device }: Bridge): Promise<void> {
  if (existsSync(linkPath(device))) await ip('link', 'delete', device);
}

async function ip(...args: string[]): Promise<{ stdout: string }> {
  return run(args);
}

async function ipBatch(args: string[], lines: string): Promise<void> {
  await run([...args, '-batch', '-'], lines);
}

async function run(args: string[], input?: string): Promise<{ stdout: string }> {
  const options = {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    extendEnv: false,
    ...(input === undefined ? {} : { input }),
  };
  try {
    return await execa('ip', args, options);
  } catch (error) {
    const { stderr = '', shortMessage = '' } = error as { stderr?: string; shortMessage?: string };
    throw new ApiError(
      'ServiceUnavailable',
      `ip ${args.join(' ')}: ${stderr.trim() || shortMessage}`,
      {},
      error,
    );
  }
}
