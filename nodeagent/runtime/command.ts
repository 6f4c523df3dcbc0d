/** What runs in a container for somebody who is there: one more command, or the container itself, attached to. */
import type { Readable, Writable } from 'node:stream';
import type { TerminalSize } from '../../api/meta/stream-channels.ts';

export interface ExecEnd {
  exitCode: number;
  /** Why it could not be run at all. */
  why?: string;
}

/** A shell's word for a command that could not be run. */
export const couldNotRun = 127;

/** A command as a stream sees it. */
export interface Command {
  stdin: Writable | null;
  stdout: Readable;
  stderr: Readable;
  /** Resolves when the command is over; its output may still wait to be read. */
  exited: Promise<ExecEnd>;
  kill(): Promise<void>;
  resize(size: TerminalSize): Promise<void>;
}

/** One who is attached to a running container, which never waits for him and goes on when he leaves. */
export interface Attachment {
  /** Goes on to the container's standard input; null when he is not to write there. */
  stdin: Writable | null;
  /** What the container writes from now on; absent: its log tells. */
  output?: Pick<Command, 'stdout' | 'stderr'> & { ended: Promise<void> };
  /** Tells the container's terminal its size. */
  resize(size: TerminalSize): Promise<void>;
  leave(): Promise<void>;
}
