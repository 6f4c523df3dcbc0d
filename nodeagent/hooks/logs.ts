/** Where the container's output goes: one file per start, numbered. */
import { rm } from 'node:fs/promises';
import { logPaths } from '../logs/log-files.ts';
import type { StartHook } from './hook.ts';

export const logHook: StartHook = async ({ node, record, containerRecord, spec }) => {
  const paths = logPaths(node.logDirectory, record.uid, containerRecord.name);
  spec.logPath = paths.current(containerRecord.starts);
  // The present and the previous start can be read; older ones make room.
  for (const old of await paths.olderThan(containerRecord.starts - 1)) await rm(old, { force: true });
  return undefined;
};
