/**
 * The last words of a container: a file of the node's, bound into it at `terminationMessagePath`, whose end
 * becomes the message of its termination.
 */
import { chmod, mkdir, open, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Container } from '../../api/kinds/task-spec.ts';
import { logPaths } from '../logs/log-files.ts';
import type { ContainerRecord, TaskRecord } from '../task/task-record.ts';
import { taskDirectory } from '../volumes/task-directory.ts';
import type { NodeFacts, StartHook } from './hook.ts';

const defaultPath = '/dev/termination-log';
const maxMessageBytes = 4096;
const maxLogBytes = 2048;

export const terminationHook: StartHook = async ({ node, record, container, cid, spec }) => {
  // Plain processes see the files of the node itself: nothing can be bound over them.
  if (!node.cgroups) return undefined;
  const source = messageFile(node, record, cid);
  await mkdir(dirname(source), { recursive: true, mode: 0o700 });
  await writeFile(source, '');
  // Whoever the container runs as may write.
  await chmod(source, 0o666);
  const destination = container.terminationMessagePath ?? defaultPath;
  spec.mounts = [...(spec.mounts ?? []), { source, destination, readOnly: false }];
  return undefined;
};

export interface LastWords {
  node: NodeFacts;
  record: TaskRecord;
  container: Container;
  containerRecord: ContainerRecord;
  cid: string;
  exitCode: number;
}

/** Undefined when the container left none. */
export async function lastWords(end: LastWords): Promise<string | undefined> {
  const { node, record, container, containerRecord, cid, exitCode } = end;
  const path = messageFile(node, record, cid);
  const message = await tail(path, maxMessageBytes);
  await rm(path, { force: true });
  if (message) return message;
  if (container.terminationMessagePolicy !== 'FallbackToLogsOnError' || exitCode === 0) return undefined;
  const log = logPaths(node.logDirectory, record.uid, container.name).current(containerRecord.starts - 1);
  return lines(await tail(log, maxLogBytes)) || undefined;
}

/** Without the time and the stream that stand before every line of a log. */
function lines(log: string): string {
  return log.replaceAll(/^\S+ (?:stdout|stderr) [FP] /gm, '').trim();
}

function messageFile(node: NodeFacts, { uid }: TaskRecord, cid: string): string {
  return join(taskDirectory(node, uid), 'termination', cid);
}

async function tail(path: string, maxBytes: number): Promise<string> {
  const file = await open(path).catch(() => undefined);
  if (!file) return '';
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - maxBytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxBytes), 0, maxBytes, from);
    return buffer.subarray(0, bytesRead).toString();
  } finally {
    await file.close();
  }
}
