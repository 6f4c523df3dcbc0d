/** A command in a container of a task: opened, fed and read. What `exec`, `attach` and `cp` have in common. */
import { jobNameLabel } from '../api/kinds/job-labels.ts';
import { Job, Task } from '../api/kinds/resources.ts';
import { ApiError } from '../api/meta/api-error.ts';
import { channel, chunkBytes, encodeSize, exitCodeOf } from '../api/meta/stream-channels.ts';
import { type ExecRequest, execQuery } from '../api/meta/stream-requests.ts';
import type { ChannelSocket } from '../client/channel-socket.ts';
import { objectPath } from '../client/resource-path.ts';
import type { Session } from './command.ts';
import { UsageError } from './failure.ts';
import { checkName } from './target.ts';
import { byName } from './task-arrivals.ts';
import type { Terminal } from './terminal.ts';

export interface ExecTarget {
  task: string;
  container: string | undefined;
}

/** Throws what the server says when the task, the container or the right to it is not there. */
export function openExec(
  { openStream, namespace }: Session,
  { task, container }: ExecTarget,
  request: ExecRequest,
): Promise<ChannelSocket> {
  const query = execQuery(request);
  if (container !== undefined) query.set('container', container);
  return openStream(`${objectPath(Task, { namespace, name: task }, 'exec')}?${query}`);
}

/** Hands every piece of output to `take`, and resolves with the command's exit code. */
export async function readOutput(
  stream: ChannelSocket,
  take: (from: 'stdout' | 'stderr', bytes: Buffer) => Promise<void>,
): Promise<number> {
  let exitCode: number | undefined;
  for await (const { channel: number, payload } of stream.frames()) {
    if (number === channel.stdout) await take('stdout', payload);
    else if (number === channel.stderr) await take('stderr', payload);
    else if (number === channel.status) exitCode = exitCodeOf(payload);
  }
  if (exitCode !== undefined) return exitCode;
  throw new ApiError('ServiceUnavailable', 'the connection to the task was lost');
}

/** Sends all of `input` and says that it is over; stops early when the stream does. */
export async function sendInput(stream: ChannelSocket, input: AsyncIterable<Buffer>): Promise<void> {
  for await (const bytes of input) {
    for (let at = 0; at < bytes.length; at += chunkBytes)
      await stream.send(channel.stdin, bytes.subarray(at, at + chunkBytes));
    if (stream.gone.aborted) return;
  }
  await stream.closeChannel(channel.stdin);
}

/** Keys and sizes go to the task as they are, until the returned function is called. */
export function handOver(terminal: Terminal, stream: ChannelSocket): () => void {
  const tellSize = (): void => void stream.sendFrame(encodeSize(terminal.size()));
  const stopTelling = terminal.onResize(tellSize);
  terminal.setRaw(true);
  tellSize();
  return () => {
    stopTelling();
    terminal.setRaw(false);
  };
}

/** `web-0-0`, `task/web-0-0`, or `job/web`: then the first of its tasks that runs. */
export async function taskNamed(word: string, session: Session): Promise<string> {
  const [first = '', second, ...more] = word.split('/');
  checkName(second ?? first);
  if (second === undefined) return first;
  const { kind } = await session.discovery.one(first);
  if (more.length === 0 && kind === Task.kind) return second;
  if (more.length > 0 || kind !== Job.kind) throw new UsageError('name a task, task/NAME or job/NAME');
  const { client, namespace } = session;
  const { items } = await client.list(Task, { namespace, labelSelector: `${jobNameLabel}=${second}` });
  const running = items.sort(byName).find(({ status }) => status.phase === 'Running');
  if (running) return running.metadata.name;
  throw new ApiError('NotFound', `job ${second} has no running task in namespace ${namespace}`);
}
