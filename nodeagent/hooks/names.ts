/** Names: the container's resolv.conf leads to the DNS server of its node, with the search list of its namespace. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { taskResolvConf } from '../dns/resolv-conf.ts';
import { taskDirectory } from '../volumes/task-directory.ts';
import type { StartHook } from './hook.ts';

export const namesHook: StartHook = async ({ node, record, spec }) => {
  if (!node.resolution || !node.cgroups) return undefined;
  const { metadata } = record.task;
  const directory = taskDirectory(node, record.uid);
  await mkdir(directory, { recursive: true, mode: 0o711 });
  const source = join(directory, '.resolv.conf');
  await writeFile(source, taskResolvConf(metadata.namespace ?? '', node.resolution), { mode: 0o644 });
  spec.mounts = [...(spec.mounts ?? []), { source, destination: '/etc/resolv.conf', readOnly: true }];
  return undefined;
};
