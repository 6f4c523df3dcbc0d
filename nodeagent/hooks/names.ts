/** Names: /etc/hosts, /etc/hostname and /etc/resolv.conf of a container, made anew with each of its starts. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Task } from '../../api/kinds/resources.ts';
import { hostsFile } from '../dns/hosts-file.ts';
import { parseResolvConf, resolvConfText, taskResolvConf } from '../dns/resolv-conf.ts';
import { kubernetesZone } from '../dns/zone.ts';
import { taskDirectory } from '../volumes/task-directory.ts';
import type { Start, StartHook } from './hook.ts';

export const namesHook: StartHook = async ({ node, record, spec, cid }) => {
  if (!node.cgroups) return undefined;
  const directory = join(taskDirectory(node, record.uid), 'names');
  await mkdir(directory, { recursive: true, mode: 0o711 });
  const mounts = spec.mounts ?? [];
  for (const [name, text] of Object.entries(await filesOf({ node, record }))) {
    const destination = `/etc/${name}`;
    // What the task itself mounts there is its own affair.
    if (mounts.some((mount) => mount.destination === destination)) continue;
    const source = join(directory, name);
    // Containers that run already keep the file they have.
    await writeFile(`${source}.${cid}`, text, { mode: 0o644 });
    await rename(`${source}.${cid}`, source);
    mounts.push({ source, destination, readOnly: true });
  }
  spec.mounts = mounts;
  return undefined;
};

/** 63 characters at most, as the kernel wants it. */
export function hostNameOf({ metadata, spec }: Task): string {
  return (spec.hostname ?? metadata.name).slice(0, 63).replace(/[.-]+$/, '');
}

async function filesOf({ node, record }: Pick<Start, 'node' | 'record'>): Promise<Record<string, string>> {
  const { metadata, spec } = record.task;
  const { namespace = '' } = metadata;
  const { resolution } = node;
  const [nodeResolvConf = '', nodeHosts] = await Promise.all([
    textOf('/etc/resolv.conf'),
    (spec.hostNetwork ?? true) ? textOf('/etc/hosts') : undefined,
  ]);
  const hostname = hostNameOf(record.task);
  const domain = `${spec.subdomain}.${namespace}.svc.${resolution?.zone ?? kubernetesZone}`;
  const names = spec.subdomain === undefined ? [hostname] : [`${hostname}.${domain}`, hostname];
  const facts = { namespace, resolution, node: parseResolvConf(nodeResolvConf) };
  return {
    'resolv.conf': resolvConfText(taskResolvConf(spec, facts)),
    hostname: `${hostname}\n`,
    hosts: hostsFile({
      ...{ address: record.address ?? node.address, names, nodeHosts },
      ...(spec.hostAliases ? { hostAliases: spec.hostAliases } : {}),
    }),
  };
}

/** Undefined when the node has no such file. */
function textOf(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}
