/** `gantry port-forward`: ports of this machine that lead to ports of a task or a service, until Ctrl-C. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { ApiError } from '../../api/meta/api-error.ts';
import type { CommandContext, CommandFunction, Session } from '../command.ts';
import { exitCodes, failureText, UsageError } from '../failure.ts';
import { forwardTarget } from '../forward-target.ts';
import { tunnel } from '../port-tunnel.ts';

interface PortPair {
  /** 0: any free one. */
  local: number;
  remote: number;
}

export interface PortForwardOptions {
  address: string;
}

export const portForward: CommandFunction<PortForwardOptions> = async (context, args, { address }) => {
  const [word = '', ...words] = args;
  const pairs = words.map(parsePair);
  if (pairs.length === 0) throw new UsageError('say which ports: LOCAL:REMOTE, or one number for both');
  const session = await context.session();
  const { task, portOf } = await forwardTarget(word, session);
  const open = new Set<Socket>();
  const servers: Server[] = [];
  try {
    for (const { local, remote } of pairs) {
      const target = portOf(remote);
      const server = createServer({ allowHalfOpen: true }, (socket) => {
        open.add(socket);
        socket.once('close', () => open.delete(socket));
        forward(context, session, { socket, task, port: target });
      });
      servers.push(server);
      const port = await listen(server, address, local);
      context.io.out(`Forwarding from ${address}:${port} -> ${remote}\n`);
    }
    if (!context.signal.aborted) await once(context.signal, 'abort');
    return exitCodes.ok;
  } finally {
    for (const server of servers) server.close();
    for (const socket of open) socket.destroy();
  }
};

function forward(
  { io }: CommandContext,
  session: Session,
  { socket, task, port }: { socket: Socket; task: string; port: number },
): void {
  tunnel(socket, session, { task, port }).catch((error: unknown) => {
    io.err(`error: port ${port}: ${failureText(error)}\n`);
  });
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  try {
    server.listen({ host, port });
    await once(server, 'listening');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ApiError('Conflict', `port ${port} cannot be used here: ${why}`, {}, error);
  }
  return (server.address() as AddressInfo).port;
}

/** `8080:80`, `80` for the same on both sides, `:80` for any free local one. Throws UsageError. */
export function parsePair(text: string): PortPair {
  const [, local, colon, remote = ''] = /^(\d{0,5})(:?)(\d{0,5})$/.exec(text) ?? [];
  if (local === undefined) throw badPair(text);
  const pair = colon === '' ? [local, local] : [local || '0', remote];
  const [from = 0, to = 0] = pair.map(Number);
  if (to < 1 || to > 65_535 || from > 65_535) throw badPair(text);
  return { local: from, remote: to };
}

function badPair(text: string): UsageError {
  return new UsageError(`not a pair of ports: ${JSON.stringify(text)}; write LOCAL:REMOTE`);
}
