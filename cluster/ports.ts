/** Free ports, and whose a listening one is. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';

/** A TCP port nobody listens on at `address` right now; `wanted` if it is free. */
export async function freePort(address = '127.0.0.1', wanted = 0): Promise<number> {
  const port = await tryPort(address, wanted);
  if (port !== undefined) return port;
  return (await tryPort(address, 0)) as number;
}

function tryPort(address: string, port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ host: address, port, exclusive: true }, () => {
      const bound = server.address();
      server.close(() => resolve(typeof bound === 'object' && bound ? bound.port : undefined));
    });
  });
}

export async function isPortFree(address: string, port: number): Promise<boolean> {
  return (await tryPort(address, port)) !== undefined;
}

/**
 * Does the process with this pid hold a listening TCP socket on `port`? Undefined where /proc cannot
 * tell (not Linux, or another user's process).
 */
export function listensOn(pid: number, port: number): boolean | undefined {
  try {
    const inodes = listeningInodes(pid, port);
    return readdirSync(`/proc/${pid}/fd`).some((fd) => inodes.has(socketInode(`/proc/${pid}/fd/${fd}`)));
  } catch {
    return undefined;
  }
}

/** Inodes of sockets that listen on the port, in the process's network namespace. */
function listeningInodes(pid: number, port: number): Set<string> {
  const inodes = new Set<string>();
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  for (const table of ['tcp', 'tcp6']) {
    for (const line of readFileSync(`/proc/${pid}/net/${table}`, 'latin1').split('\n').slice(1)) {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
      if (state === '0A' && local.endsWith(wanted)) inodes.add(inode);
    }
  }
  return inodes;
}

function socketInode(fd: string): string {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(fd))?.[1] ?? '';
  } catch {
    return '';
  }
}
