/** Attaching through the container's supervisor: a command carries what comes in; what goes out is in the log. */
import { execa } from 'execa';
import { toolEnvironment } from '../../command.ts';
import type { Attachment } from '../command.ts';

/** `line` passes its own standard input on to the container's; absent: nobody is to write there. */
export function attachBy(
  line: { command: string; args: string[] } | undefined,
  resize: Attachment['resize'],
): Attachment {
  const child = line && startInput(line);
  const leave = async (): Promise<void> => {
    child?.kill('SIGKILL');
    await child;
  };
  return { stdin: child?.stdin ?? null, resize, leave };
}

function startInput({ command, args }: { command: string; args: string[] }) {
  const child = execa(command, args, {
    env: toolEnvironment,
    extendEnv: false,
    // What the supervisor says is what the log says: it is read only so that nobody waits.
    stdio: ['pipe', 'ignore', 'ignore'],
    buffer: false,
    reject: false,
  });
  // A container that ends without reading its input is no failure.
  child.stdin.on('error', () => {});
  return child;
}
