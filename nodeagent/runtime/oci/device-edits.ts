/** A device's edits as parts of the OCI configuration. Reads what a spec leaves to the node: number and type. */
import { stat } from 'node:fs/promises';
import type { ContainerEdits, DeviceNode } from '../../devices/cdi-spec.ts';
import type { Mount } from './config-json.ts';

export interface DeviceParts {
  env: string[];
  mounts: Mount[];
  /** linux.devices */
  devices: object[];
  /** linux.resources.devices, after the rule that denies all. */
  rules: object[];
  hooks: Record<string, object[]>;
}

export async function deviceParts(edits: readonly ContainerEdits[]): Promise<DeviceParts> {
  const nodes = await Promise.all(edits.flatMap(({ deviceNodes = [] }) => deviceNodes.map(numbered)));
  const hooks: Record<string, object[]> = {};
  for (const { hookName, ...hook } of edits.flatMap((edit) => edit.hooks ?? []))
    (hooks[hookName] ??= []).push(hook);
  return {
    env: edits.flatMap(({ env = [] }) => env),
    mounts: edits.flatMap(({ mounts = [] }) =>
      mounts.map(
        ({ hostPath, containerPath, type = 'bind', options = ['rbind', 'ro', 'nosuid', 'nodev'] }) => ({
          ...{ destination: containerPath, source: hostPath, type, options },
        }),
      ),
    ),
    devices: nodes.map(({ path, type, major, minor, fileMode, uid, gid }) => ({
      ...{ path, type, major, minor, fileMode: fileMode ?? 0o666, uid: uid ?? 0, gid: gid ?? 0 },
    })),
    rules: nodes.map(({ type, major, minor, permissions }) => ({
      ...{ allow: true, type, major, minor, access: permissions ?? 'rwm' },
    })),
    hooks,
  };
}

/** Linux's encoding of a device number. */
async function numbered(node: DeviceNode): Promise<DeviceNode> {
  if (node.major !== undefined && node.minor !== undefined && node.type !== undefined) return node;
  const found = await stat(node.hostPath ?? node.path);
  const { rdev } = found;
  const major = ((rdev >>> 8) & 0xfff) | (Math.floor(rdev / 2 ** 32) & ~0xfff);
  const minor = (rdev & 0xff) | ((rdev >>> 12) & 0xfff00);
  return { ...node, type: found.isBlockDevice() ? 'b' : 'c', major, minor };
}
