/** The world of a command: its output, clock and environment, and the way to the cluster of the current context. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../api/meta/clock.ts';
import type { CommandContext, GlobalOptions, LocalCluster, Session } from './command.ts';
import { coloured, type Output, printable } from './output.ts';
import type { Terminal } from './terminal.ts';
import { clientVersion } from './version.ts';

export interface World {
  io: Output;
  clock: Clock;
  env: Readonly<Record<string, string | undefined>>;
  signal: AbortSignal;
  stdin: () => Promise<Buffer>;
  terminal: Terminal;
  localCluster: () => Promise<LocalCluster>;
  /** `openSession`; tests have their own. */
  connect: (context: CommandContext, options: GlobalOptions) => Promise<Session>;
}

export function commandContext(world: World, options: GlobalOptions): CommandContext {
  const kubeconfigFiles = kubeconfigPaths(world.env, options.kubeconfig);
  let session: Promise<Session> | undefined;
  const context: CommandContext = {
    ...world,
    kubeconfigFiles,
    session: () => (session ??= world.connect(context, options)),
  };
  return context;
}

/** In the order kubectl reads them: the flag alone, or $KUBECONFIG's list, or the user's own file. */
function kubeconfigPaths(env: World['env'], flag: string | undefined): string[] {
  if (flag !== undefined) return [flag];
  const listed = (env['KUBECONFIG'] ?? '').split(':').filter((path) => path !== '');
  return listed.length > 0 ? listed : [join(homedir(), '.kube', 'config')];
}

/** Connects to the server of the kubeconfig's context. */
export async function openSession(context: CommandContext, options: GlobalOptions): Promise<Session> {
  const [{ connect }, { loadClusterConfig }, { Discovery }] = await Promise.all([
    import('../client/http-client.ts'),
    import('../client/kubeconfig.ts'),
    import('./discovery.ts'),
  ]);
  const config = await loadClusterConfig(context.kubeconfigFiles, options.context);
  const client = connect(config, {
    userAgent: `gantry/${clientVersion}`,
    onWarning: (text) => warn(context.io, text),
  });
  const discovery = new Discovery(client, context.clock, cacheFile(context.env, config.server));
  return {
    client,
    discovery,
    server: config.server,
    namespace: options.namespace ?? config.namespace,
    async openStream(path) {
      const { openStream } = await import('../client/open-stream.ts');
      const { clock, signal } = context;
      return openStream(config, path, { clock, signal });
    },
    async requestNode(node, request) {
      const { requestNode } = await import('../client/node-request.ts');
      return requestNode(config, node, { signal: context.signal, ...request });
    },
  };
}

function warn(io: Output, text: string): void {
  io.err(`${coloured('Warning:', 'yellow', io)} ${printable(text, io)}\n`);
}

/** One cache per server. */
function cacheFile(env: World['env'], server: string): string {
  const root = env['GANTRY_HOME'] ? join(env['GANTRY_HOME'], 'cache') : join(homedir(), '.cache', 'gantry');
  return join(root, server.replace(/^https?:\/\//, '').replace(/[^\w.-]/g, '_'), 'discovery.json');
}
