/**
 * How one more command is run in a running container: the line to execute on the node, whose standard
 * streams are the command's own.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError } from '../../../api/meta/api-error.ts';

export interface ExecOrder {
  args: string[];
  terminal: boolean;
  /** Empty, and of this command alone: for the files it needs. */
  directory: string;
}

export interface ExecLine {
  command: string;
  args: string[];
  /** Holds the pid of the command's process as soon as it runs. */
  pidFile: string;
  /** Says, one JSON object per line, why it could not run. */
  errorFile: string;
  /** With a terminal: names its device on this node, soon. */
  terminalFile?: string;
  /** For the line itself; the command has its container's. */
  env?: Record<string, string>;
}

/** Throws ApiError when this node, or this container, can run no command. */
export type PrepareExec = (cid: string, order: ExecOrder) => Promise<ExecLine>;

/** With runc: identity, rights, environment and directory are those of the container's own process. */
export function runcExec(rootDirectory: string, runDirectory: string): PrepareExec {
  return async (cid, { args, terminal, directory }) => {
    const own = await processOf(join(rootDirectory, 'c', cid, 'config.json'));
    const env = terminal ? [...own.env.filter((entry) => !entry.startsWith('TERM=')), 'TERM=xterm'] : own.env;
    const [processFile, pidFile, errorFile] = ['process.json', 'pid', 'runc.log'].map((name) =>
      join(directory, name),
    ) as [string, string, string];
    // It holds the environment, and with it perhaps secrets.
    await writeFile(processFile, JSON.stringify({ ...own, args, terminal, env }), { mode: 0o600 });
    const global = ['--root', join(runDirectory, 'runc'), '--log', errorFile, '--log-format', 'json'];
    const exec = ['exec', '--process', processFile, '--pid-file', pidFile];
    const plain = { command: 'runc', args: [...global, ...exec, cid], pidFile, errorFile };
    return terminal ? onTerminal(plain, { cid, directory }) : plain;
  };
}

/**
 * runc wants a terminal itself, and node can make none: `script` (bsdutils) does. It takes a line for a
 * shell, so that line is constant and all it speaks of is in the environment.
 */
function onTerminal(
  { args, pidFile, errorFile }: ExecLine,
  { cid, directory }: { cid: string; directory: string },
): ExecLine {
  const terminalFile = join(directory, 'tty');
  const words = args.slice(0, -1).map((_word, at) => `"$GANTRY_${at}"`);
  const line = `tty > "$GANTRY_TTY"; exec runc ${words.join(' ')} --tty "$GANTRY_CID"`;
  return {
    command: 'script',
    args: ['--quiet', '--return', '--echo', 'never', '--command', line, '/dev/null'],
    env: {
      GANTRY_TTY: terminalFile,
      GANTRY_CID: cid,
      ...Object.fromEntries(args.slice(0, -1).map((word, at) => [`GANTRY_${at}`, word])),
    },
    pidFile,
    errorFile,
    terminalFile,
  };
}

async function processOf(configFile: string): Promise<{ env: string[] }> {
  try {
    return (JSON.parse(await readFile(configFile, 'utf8')) as { process: { env: string[] } }).process;
  } catch (error) {
    throw new ApiError('Conflict', 'the container is gone', {}, error);
  }
}
