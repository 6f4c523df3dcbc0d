/**
 * conmon: the small process that stands over one container. It makes the container through runc, keeps
 * its log and writes its exit file; its parent is pid 1, so it and the container outlive the agent.
 */
import type { Readable } from 'node:stream';
import { execa } from 'execa';
import { toolEnvironment } from '../../command.ts';
import type { Refusal } from '../runtime.ts';

export interface SupervisorOptions {
  conmon: string;
  runc: string;
  cid: string;
  bundle: string;
  logPath: string;
  runcRoot: string;
  exitDirectory: string;
  socketDirectory: string;
  /** Of this container alone: pid files and the mark of an out-of-memory kill. */
  runDirectory: string;
  terminal: boolean;
  stdin: 'once' | 'open' | undefined;
}

/** Resolves when the container is created (not started), or with runc's own words for why it cannot be. */
export async function createUnderConmon(options: SupervisorOptions): Promise<Refusal | undefined> {
  const subprocess = execa(options.conmon, argumentsOf(options), {
    cwd: options.bundle,
    env: { ...toolEnvironment, _OCI_SYNCPIPE: '3' },
    extendEnv: false,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    detached: true,
    cleanup: false,
    buffer: false,
    reject: false,
  });
  const line = await firstLine(subprocess.stdio[3] as Readable);
  const { exitCode } = await subprocess;
  const answer = parseAnswer(line);
  if (answer && answer.data > 0) return undefined;
  const message = answer?.message ?? `conmon ended with exit code ${exitCode} and no answer`;
  return { reason: 'ContainerCannotRun', message: plainMessage(message) };
}

/** runc logs `time="…" level=error msg="runc create failed: …"`; people want what stands in msg. */
function plainMessage(text: string): string {
  const quoted = /msg=("(?:[^"\\]|\\.)*")/.exec(text)?.[1];
  return quoted === undefined ? text.trim() : JSON.parse(quoted);
}

function argumentsOf(options: SupervisorOptions): string[] {
  const { cid, bundle, logPath, runDirectory, terminal, stdin } = options;
  return [
    ...['--api-version', '1', '-c', cid, '-u', cid, '-n', cid],
    ...['-r', options.runc, `--runtime-arg=--root=${options.runcRoot}`],
    ...['-b', bundle, '-p', `${runDirectory}/pidfile`, '-P', `${runDirectory}/conmon.pid`],
    ...['--persist-dir', `${runDirectory}/persist`, '--exit-dir', options.exitDirectory],
    ...['--socket-dir-path', options.socketDirectory],
    ...['-l', `k8s-file:${logPath}`, '--log-level', 'warn'],
    ...(terminal ? ['-t'] : []),
    ...(stdin === undefined ? [] : ['-i']),
    ...(stdin === 'open' ? ['--leave-stdin-open'] : []),
  ];
}

async function firstLine(pipe: Readable): Promise<string> {
  let text = '';
  for await (const chunk of pipe) {
    text += chunk;
    if (text.includes('\n')) break;
  }
  return text;
}

function parseAnswer(line: string): { data: number; message?: string } | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
