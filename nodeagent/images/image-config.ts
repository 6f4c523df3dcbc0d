/** What an image says about how to run it, and how a task's own words go over it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container } from '../../api/kinds/task-spec.ts';

/** The `config` part of an OCI image configuration. */
export interface ImageConfig {
  Entrypoint?: string[];
  Cmd?: string[];
  Env?: string[];
  WorkingDir?: string;
  /** `name`, `name:group`, `uid` or `uid:gid`. */
  User?: string;
}

/** Kubernetes' table: command replaces the entrypoint and drops the image's command; args replace the command. */
export function commandLine({ command, args }: Container, image: ImageConfig): string[] {
  const entrypoint = command ?? image.Entrypoint ?? [];
  const rest = args ?? (command ? [] : (image.Cmd ?? []));
  return [...entrypoint, ...rest];
}

export interface User {
  uid: number;
  gid: number;
}

/** Numbers of the user to run as. Undefined when the image names a user that its own files do not know. */
export async function userOf(
  securityContext: { runAsUser?: number; runAsGroup?: number },
  image: ImageConfig,
  rootfs: string | undefined,
): Promise<User | undefined> {
  const { runAsUser, runAsGroup } = securityContext;
  if (runAsUser !== undefined) return { uid: runAsUser, gid: runAsGroup ?? 0 };
  const [user = '', group = ''] = (image.User ?? '').split(':');
  const passwd = await table(rootfs, 'passwd');
  const account = passwd.find(([name, , uid]) => user === (isNumber(user) ? uid : name));
  const uid = user === '' ? 0 : isNumber(user) ? Number(user) : Number(account?.[2] ?? Number.NaN);
  const ownGroup = group === '' ? (account?.[3] ?? '0') : group;
  const gid = isNumber(ownGroup)
    ? Number(ownGroup)
    : Number((await table(rootfs, 'group')).find(([name]) => name === ownGroup)?.[2] ?? Number.NaN);
  return Number.isInteger(uid) && Number.isInteger(gid) ? { uid, gid: runAsGroup ?? gid } : undefined;
}

function isNumber(text: string): boolean {
  return /^\d+$/.test(text);
}

async function table(rootfs: string | undefined, name: 'passwd' | 'group'): Promise<string[][]> {
  if (rootfs === undefined) return [];
  const text = await readFile(join(rootfs, 'etc', name), 'utf8').catch(() => '');
  return text.split('\n').map((line) => line.split(':'));
}
