/** Joins a stream and a running command: frames to standard input, output to frames, the end to a status. */
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { ApiError, asApiError } from '../../api/meta/api-error.ts';
import { channel, chunkBytes, decodeSize, exitStatus, type Frame } from '../../api/meta/stream-channels.ts';
import type { ChannelSocket } from '../../client/channel-socket.ts';
import type { Command } from '../runtime/command.ts';

/** Which outputs the client wants to read. */
export interface WantedOutput {
  stdout: boolean;
  stderr: boolean;
}

/** Resolves when both the command and the stream are over; a client that goes away takes the command along. */
export async function serveExec(
  socket: ChannelSocket,
  command: Command,
  wanted: WantedOutput,
): Promise<void> {
  const input = readInput(socket, command).catch(async (error: unknown) => {
    const { reason, message } = asApiError(error);
    socket.close(reason === 'BadRequest' ? 'protocolError' : 'internalError', message);
  });
  const killed = new Promise<void>((resolve) => {
    const kill = (): void => resolve(command.kill());
    if (socket.gone.aborted) kill();
    else socket.gone.addEventListener('abort', kill, { once: true });
  });
  await Promise.all([
    sendOutput(socket, channel.stdout, wanted.stdout ? command.stdout : drained(command.stdout)),
    sendOutput(socket, channel.stderr, wanted.stderr ? command.stderr : drained(command.stderr)),
  ]);
  const { exitCode, why } = await command.exited;
  await socket.send(channel.status, Buffer.from(JSON.stringify(exitStatus(exitCode, why))));
  socket.close();
  await Promise.all([input, killed]);
}

async function sendOutput(
  socket: ChannelSocket,
  number: number,
  output: Readable | undefined,
): Promise<void> {
  if (!output) return;
  try {
    for await (const chunk of output as AsyncIterable<Buffer>)
      for (let at = 0; at < chunk.length; at += chunkBytes)
        await socket.send(number, chunk.subarray(at, at + chunkBytes));
  } catch {
    // Destroyed: the client is gone.
  }
}

function drained(output: Readable): undefined {
  output.resume();
  return undefined;
}

/** Throws ApiError BadRequest for a frame no client of ours sends. */
async function readInput(socket: ChannelSocket, command: Command): Promise<void> {
  for await (const frame of socket.frames()) await takeFrame(frame, command, socket.gone);
  command.stdin?.end();
}

async function takeFrame(
  { channel: number, payload }: Frame,
  command: Command,
  gone: AbortSignal,
): Promise<void> {
  const { stdin } = command;
  switch (number) {
    case channel.stdin:
      if (stdin && !stdin.write(payload)) await writable(stdin, gone);
      return;
    case channel.resize:
      return command.resize(decodeSize(payload));
    case channel.close:
      if (payload[0] === channel.stdin) stdin?.end();
      return;
    default:
      throw new ApiError('BadRequest', `a client sends nothing on channel ${number}`);
  }
}

/** Until it takes more, or never will. */
async function writable(stdin: Writable, gone: AbortSignal): Promise<void> {
  if (stdin.destroyed || stdin.writableEnded) return;
  const either = new AbortController();
  const signal = AbortSignal.any([gone, either.signal]);
  await Promise.race([once(stdin, 'drain', { signal }), once(stdin, 'close', { signal })]).catch(() => {});
  either.abort();
}
