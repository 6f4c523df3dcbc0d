/** The whole CLI against a real API server in this process: words in, text and exit code out. */

import { PassThrough, Readable } from 'node:stream';
import { commandTable } from '../../cli/command-table.ts';
import { Discovery } from '../../cli/discovery.ts';
import { runProgram } from '../../cli/program.ts';
import { processTerminal } from '../../cli/terminal.ts';
import type { Client } from '../../client/client.ts';
import { onClock, type TestCluster, type TestClusterOptions, testCluster } from '../kit/cluster.ts';

export interface Ran {
  code: number;
  out: string;
  err: string;
}

export interface RunOptions {
  stdin?: string;
  /** Ctrl-C. */
  signal?: AbortSignal;
  /** Sees what is written to standard output so far. */
  onOut?: (soFar: string) => void;
  /** The same for standard error. */
  onErr?: (soFar: string) => void;
}

/** What containers wrote, by `task/container`; there is no node agent here to ask. */
export type Logs = Map<string, string>;

export interface CommandLine {
  cluster: TestCluster;
  logs: Logs;
  /** `gantry('get', 'jobs')`, moving virtual time until it ends. */
  gantry(words: string | readonly string[], options?: RunOptions): Promise<Ran>;
  stop(): Promise<void>;
}

export async function commandLine(options: TestClusterOptions = {}): Promise<CommandLine> {
  await loadEverything();
  const cluster = await testCluster(options);
  const logs: Logs = new Map();
  const run = async (words: readonly string[], options: RunOptions): Promise<Ran> => {
    const ran: Ran = { code: -1, out: '', err: '' };
    ran.code = await runProgram(commandTable, words, {
      io: {
        isTerminal: false,
        colours: false,
        out: (text) => {
          ran.out += text;
          options.onOut?.(ran.out);
        },
        err: (text) => {
          ran.err += text;
          options.onErr?.(ran.err);
        },
      },
      clock: cluster.clock,
      env: {},
      signal: options.signal ?? new AbortController().signal,
      stdin: async () => Buffer.from(options.stdin ?? ''),
      terminal: processTerminal({
        stdin: Readable.from(options.stdin === undefined ? [] : [Buffer.from(options.stdin)]),
        stdout: new PassThrough(),
        stderr: new PassThrough(),
      }),
      localCluster: () => Promise.reject(new Error('no local cluster here')),
      connect: async (_context, { namespace = 'default' }) => ({
        client: withLogs(cluster.client, logs),
        namespace,
        discovery: new Discovery(cluster.client, cluster.clock),
        server: 'https://in-process',
        openStream: () => Promise.reject(new Error('no streams here')),
        requestNode: () => Promise.reject(new Error('no nodes here')),
      }),
    });
    return ran;
  };
  return {
    cluster,
    logs,
    gantry: (words, options = {}) =>
      onClock(cluster.clock, run(typeof words === 'string' ? words.split(' ') : words, options)),
    stop: () => cluster.stop(),
  };
}

/** The client, but for paths of logs. */
function withLogs(client: Client, logs: Logs): Client {
  const stream = (path: string, ...rest: [AbortSignal?, string?]): AsyncIterable<Buffer> => {
    const [, task, container] = /tasks\/([^/]+)\/log\?container=(\w+)/.exec(path) ?? [];
    return task === undefined
      ? client.stream(path, ...rest)
      : oneChunk(logs.get(`${task}/${container}`) ?? '');
  };
  return new Proxy(client, {
    get: (target, name: keyof Client) => (name === 'stream' ? stream : target[name].bind(target)),
  });
}

async function* oneChunk(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
}

/** What is loaded on demand takes real time, in which virtual time would run away. */
async function loadEverything(): Promise<void> {
  await Promise.all([
    ...commandTable.map((row) => row.load()),
    import('../../cli/commands/get-watch.ts'),
    import('../../cli/object-wait.ts'),
    import('../../cli/manifest.ts'),
    import('../../cli/yaml-text.ts'),
    import('../../cli/jsonpath.ts'),
    import('../../cli/custom-columns.ts'),
  ]);
}
