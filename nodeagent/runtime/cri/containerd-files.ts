/** Where the files of a node's own containerd are, and which process it is. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessId } from '../process-id.ts';

export interface ContainerdPlace {
  rootDirectory: string;
  /** Kept short: sockets below it must fit 108 characters. */
  runDirectory: string;
}

/** The process as it was started, running or not; undefined when there never was one since the machine started. */
export function knownContainerd(place: ContainerdPlace): ProcessId | undefined {
  try {
    return JSON.parse(readFileSync(processFile(place), 'utf8'));
  } catch {
    return undefined;
  }
}

export function processFile({ runDirectory }: ContainerdPlace): string {
  return join(homeOf(runDirectory), 'process.json');
}

export function logOf({ rootDirectory }: ContainerdPlace): string {
  return join(rootDirectory, 'containerd', 'containerd.log');
}

export function homeOf(runDirectory: string): string {
  return join(runDirectory, 'containerd');
}

export function socketOf(runDirectory: string): string {
  return join(homeOf(runDirectory), 'sock');
}
