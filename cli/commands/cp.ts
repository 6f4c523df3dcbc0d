/** `gantry cp`: files and directories to a task and back, as a tar archive through a command in its container. */
import { lstat } from 'node:fs/promises';
import { basename, join, posix, resolve } from 'node:path';
import { ApiError } from '../../api/meta/api-error.ts';
import { channel, exitCodeOf } from '../../api/meta/stream-channels.ts';
import type { ExecRequest } from '../../api/meta/stream-requests.ts';
import type { ChannelSocket } from '../../client/channel-socket.ts';
import type { CommandContext, CommandFunction, Session } from '../command.ts';
import { exitCodes, UsageError } from '../failure.ts';
import { openExec, readOutput, sendInput, taskNamed } from '../task-exec.ts';

export interface CopyOptions {
  container?: string;
}

interface Copy {
  context: CommandContext;
  session: Session;
  target: { task: string; container: string | undefined };
  local: string;
  remote: string;
}

export const copy: CommandFunction<CopyOptions> = async (context, args, { container }) => {
  const places = args.map(parsePlace);
  const [from, to] = places;
  if (!from || !to || places.length > 2 || (from.task === undefined) === (to.task === undefined))
    throw new UsageError('say from where to where: one of the two is TASK:PATH');
  const { task: word = '', path: remote } = from.task === undefined ? to : from;
  const session = await context.session();
  const target = { task: await taskNamed(word, session), container };
  const local = resolve((from.task === undefined ? from : to).path);
  const call = { context, session, target, local, remote };
  return from.task === undefined ? upload(call) : download(call);
};

/** `web-0-0:/etc/hosts`; a local path with a colon is written with a slash before it. Throws UsageError. */
function parsePlace(text: string): { task?: string; path: string } {
  const [, task, path] = /^((?:[a-z]+\/)?[a-z0-9][a-z0-9.-]*):(.*)$/s.exec(text) ?? [];
  if (task === undefined) return { path: text };
  if (!path || path.includes('\0')) throw new UsageError(`no path in ${JSON.stringify(text)}`);
  return { task, path };
}

function request(command: string[], stdin: boolean): ExecRequest {
  return { command, stdin, stdout: true, stderr: true, tty: false };
}

async function upload({ context, session, target, local, remote }: Copy): Promise<number> {
  const { packTar } = await import('../tar/pack.ts');
  await statOf(local);
  const isDirectory = await run(
    context,
    await openExec(session, target, request(['test', '-d', remote], false)),
  );
  const goal = isDirectory === exitCodes.ok ? posix.join(remote, basename(local)) : posix.normalize(remote);
  const command = ['tar', 'xmf', '-', '-C', posix.dirname(goal)];
  const stream = await openExec(session, target, request(command, true));
  const skipped = (message: string): void => context.io.err(`${message}\n`);
  const sent = sendInput(stream, packTar(local, posix.basename(goal), skipped)).catch((error: unknown) => {
    stream.close();
    throw error;
  });
  const [exitCode] = await Promise.all([run(context, stream), sent]);
  return exitCode === exitCodes.ok ? exitCode : exitCodes.failed;
}

async function download({ context, session, target, local, remote }: Copy): Promise<number> {
  const { extractTar } = await import('../tar/extract.ts');
  const [directory, name] = [posix.dirname(posix.normalize(remote)), posix.basename(posix.normalize(remote))];
  const into = await lstat(local).catch(() => undefined);
  const to = into?.isDirectory() && name !== '' ? join(local, name) : local;
  const command = ['tar', 'cf', '-', '-C', directory, `./${name}`];
  const stream = await openExec(session, target, request(command, false));
  const archive = new Archive(context, stream);
  try {
    const onSkip = (message: string): void => context.io.err(`${message}\n`);
    const count = await extractTar(archive.bytes(), { from: name, to, onSkip });
    return archive.exitCode === 0 && count > 0 ? exitCodes.ok : exitCodes.failed;
  } finally {
    stream.close();
  }
}

/** What tar writes in the container, and then its exit code. */
class Archive {
  exitCode: number | undefined;
  readonly #context: CommandContext;
  readonly #stream: ChannelSocket;

  constructor(context: CommandContext, stream: ChannelSocket) {
    this.#context = context;
    this.#stream = stream;
  }

  async *bytes(): AsyncGenerator<Buffer> {
    for await (const { channel: number, payload } of this.#stream.frames()) {
      if (number === channel.stdout) yield payload;
      else if (number === channel.stderr) await this.#context.terminal.write('stderr', payload);
      else if (number === channel.status) this.exitCode = exitCodeOf(payload);
    }
  }
}

async function run({ terminal }: CommandContext, stream: ChannelSocket): Promise<number> {
  try {
    return await readOutput(stream, (_from, bytes) => terminal.write('stderr', bytes));
  } finally {
    stream.close();
  }
}

async function statOf(path: string): Promise<void> {
  await lstat(path).catch((error: unknown) => {
    throw new ApiError('NotFound', `${path} cannot be read`, {}, error);
  });
}
