/** `gantry attach`: what a running container writes from now on, and what is typed to it. Leaving it leaves it running. */
import { Task } from '../../api/kinds/resources.ts';
import { attachQuery } from '../../api/meta/stream-requests.ts';
import type { ChannelSocket } from '../../client/channel-socket.ts';
import { objectPath } from '../../client/resource-path.ts';
import type { CommandFunction, Session } from '../command.ts';
import { detachable } from '../detach-keys.ts';
import { exitCodes, failureText } from '../failure.ts';
import { handOver, readOutput, sendInput, taskNamed } from '../task-exec.ts';
import { logSources } from '../task-logs.ts';

export interface AttachOptions {
  container?: string;
  stdin?: boolean;
  tty?: boolean;
}

/** What can be had of the container: it was decided when it was made. */
interface Ways {
  container: string;
  stdin: boolean;
  tty: boolean;
}

export const attach: CommandFunction<AttachOptions> = async (context, [word = ''], options) => {
  const { terminal, io } = context;
  const session = await context.session();
  const task = await taskNamed(word, session);
  const own = await waysInto(session, task, options.container);
  if (options.stdin && !own.stdin)
    io.err(`container ${own.container} reads no input (its spec has no stdin: true): it gets none\n`);
  if (options.tty && !own.tty)
    io.err(`container ${own.container} has no terminal (its spec has no tty: true)\n`);
  const stdin = options.stdin === true && own.stdin;
  const tty = options.tty === true && own.tty && terminal.isInteractive;
  const stream = await openAttach(session, task, { ...own, stdin, tty });
  if (tty) io.err('If you see no prompt, press Enter; Ctrl-P Ctrl-Q leaves the container as it is\n');
  const restore = tty ? handOver(terminal, stream) : () => {};
  let detached = false;
  const detach = (): void => {
    detached = true;
    stream.close();
  };
  try {
    if (stdin)
      sendInput(stream, tty ? detachable(terminal.input, detach) : terminal.input).catch((error: unknown) => {
        io.err(`error: standard input cannot be read: ${failureText(error)}\n`);
        stream.close();
      });
    return await readOutput(stream, terminal.write);
  } catch (error) {
    if (context.signal.aborted || detached) return exitCodes.ok;
    throw error;
  } finally {
    restore();
    stream.close();
  }
};

async function waysInto(
  { client, namespace }: Session,
  name: string,
  container: string | undefined,
): Promise<Ways> {
  const task = await client.get(Task, { namespace, name });
  const [source] = logSources(task, { all: false, ...(container === undefined ? {} : { container }) });
  const all = [...task.spec.containers, ...(task.spec.initContainers ?? [])];
  const { stdin = false, tty = false } = all.find((each) => each.name === source?.container) ?? {};
  return { container: source?.container ?? '', stdin, tty };
}

function openAttach(
  { openStream, namespace }: Session,
  task: string,
  { container, stdin, tty }: Ways,
): Promise<ChannelSocket> {
  const query = attachQuery({ stdin, tty, stdout: true, stderr: !tty });
  query.set('container', container);
  return openStream(`${objectPath(Task, { namespace, name: task }, 'attach')}?${query}`);
}
