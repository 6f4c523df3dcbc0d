/** `gantry exec`: runs a command in a container of a running task, and ends with its exit code. */
import type { CommandFunction } from '../command.ts';
import { exitCodes, failureText, UsageError } from '../failure.ts';
import { handOver, openExec, readOutput, sendInput, taskNamed } from '../task-exec.ts';

export interface ExecOptions {
  container?: string;
  stdin?: boolean;
  tty?: boolean;
}

export const exec: CommandFunction<ExecOptions> = async (context, [word = '', ...command], options) => {
  if (command.length === 0) throw new UsageError('say what to run: gantry exec TASK -- COMMAND');
  const { terminal, io } = context;
  const stdin = options.stdin === true;
  const tty = options.tty === true && terminal.isInteractive;
  if (options.tty && !tty) io.err('Not a terminal: the command gets none\n');
  const session = await context.session();
  const target = { task: await taskNamed(word, session), container: options.container };
  const stream = await openExec(session, target, { command, stdin, tty, stdout: true, stderr: !tty });
  const restore = tty ? handOver(terminal, stream) : () => {};
  try {
    // Reading what is typed never ends by itself: it is given up with the stream.
    if (stdin)
      sendInput(stream, terminal.input).catch((error: unknown) => {
        io.err(`error: standard input cannot be read: ${failureText(error)}\n`);
        stream.close();
      });
    const exitCode = await readOutput(stream, terminal.write);
    if (exitCode !== exitCodes.ok) io.err(`command terminated with exit code ${exitCode}\n`);
    return exitCode;
  } catch (error) {
    if (context.signal.aborted) return exitCodes.ok;
    throw error;
  } finally {
    restore();
    stream.close();
  }
};
