/**
 * What a command is: a row of the command table (name, arguments, flags) and a function in a module that
 * is loaded only when the command runs.
 */
import type { IncomingMessage } from 'node:http';
import type { Node } from '../api/kinds/resources.ts';
import type { Clock } from '../api/meta/clock.ts';
import type { ChannelSocket } from '../client/channel-socket.ts';
import type { Client } from '../client/client.ts';
import type { NodeRequest } from '../client/node-request.ts';
import type { Discovery } from './discovery.ts';
import type { Output } from './output.ts';
import type { Terminal } from './terminal.ts';

/** What a command sees of the world. */
export interface CommandContext {
  io: Output;
  clock: Clock;
  env: Readonly<Record<string, string | undefined>>;
  /** Aborts on Ctrl-C. */
  signal: AbortSignal;
  stdin(): Promise<Buffer>;
  /** The standard streams as bytes. */
  terminal: Terminal;
  /** Connects to the cluster of the current context, once. */
  session(): Promise<Session>;
  /** Files of the kubeconfig: `--kubeconfig`, $KUBECONFIG or ~/.kube/config; the first one is written to. */
  kubeconfigFiles: readonly string[];
  /** The code that runs local clusters and asks the scheduler questions; big, so loaded by the commands that need it. */
  localCluster(): Promise<LocalCluster>;
}

type ClusterCommand = (options: never, io: Output) => Promise<number>;

/** What `cluster/commands.ts` offers: each resolves with the exit code. */
export type LocalCluster = Record<
  'up' | 'down' | 'status' | 'why' | 'plan' | 'planLoss' | 'sim',
  ClusterCommand
>;

/** A cluster to talk to, as the kubeconfig context says. */
export interface Session {
  client: Client;
  /** Namespace of `-n` or of the context. */
  namespace: string;
  discovery: Discovery;
  server: string;
  /** Opens a stream to a running task; ends with `CommandContext.signal`. */
  openStream(path: string): Promise<ChannelSocket>;
  /** Asks a node's agent itself, as an administrator. */
  requestNode(node: Node, request: NodeRequest): Promise<IncomingMessage>;
}

/** Flags every command takes. */
export interface GlobalOptions {
  kubeconfig?: string;
  context?: string;
  namespace?: string;
}

/** Runs a command; resolves with its exit code. `options` are commander's parsed flags. */
export type CommandFunction<Options = never> = (
  context: CommandContext,
  args: string[],
  options: Options & GlobalOptions,
) => Promise<number>;

/** `flags` as commander reads them; a default makes the option always present. */
export interface CommandFlag {
  flags: string;
  description: string;
  default?: string | boolean;
  /** May be given several times: the option is then a string[]. */
  repeatable?: boolean;
}

export interface CommandRow {
  /** One word, or two for a command of a group (`image load`). */
  name: string;
  /** As commander reads them: `<file>`, `[name...]`. */
  arguments?: string;
  summary: string;
  /** Shown after the flags in `--help`. */
  examples?: string;
  flags?: readonly CommandFlag[];
  aliases?: readonly string[];
  hidden?: boolean;
  load: () => Promise<CommandFunction>;
}
