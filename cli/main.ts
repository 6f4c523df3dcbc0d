/**
 * `gantry`: the process. The only file of the CLI that touches `process`; everything else is handed what
 * it needs. Ends with the command's exit code, silently when the reader of a pipe has gone.
 */
import { systemClock } from '../api/meta/clock.ts';
import { commandTable } from './command-table.ts';
import { openSession } from './context.ts';
import { processOutput } from './output.ts';
import { runProgram } from './program.ts';
import { processTerminal } from './terminal.ts';

const { stdin, stdout, stderr, env, argv } = process;

stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const interrupted = new AbortController();
// The second Ctrl-C ends the process whatever it does.
process.once('SIGINT', () => interrupted.abort());
process.once('SIGTERM', () => interrupted.abort());

async function readStdin(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const code = await runProgram(commandTable, argv.slice(2), {
  io: processOutput({ stdout, stderr }, env),
  clock: systemClock,
  env,
  signal: interrupted.signal,
  stdin: readStdin,
  terminal: processTerminal({ stdin, stdout, stderr }),
  localCluster: () => import('../cluster/commands.ts'),
  connect: openSession,
});
// A pipe may still have to take some of it.
await new Promise((resolve) => stdout.write('', resolve));
// Kept-alive connections would hold the process for seconds.
process.exit(interrupted.signal.aborted && code === 0 ? 130 : code);
