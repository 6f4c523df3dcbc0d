/**
 * Container Device Interface: JSON or YAML files in which vendors say which devices a node has and what a container
 * needs to use one (https://github.com/cncf-tags/container-device-interface). Names are `vendor.com/class=device`.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../api/meta/logger.ts';
import { qualifiedNameError } from '../../api/meta/names.ts';

export interface DeviceNode {
  /** In the container. */
  path: string;
  /** On the node, where that is another. */
  hostPath?: string;
  type?: string;
  major?: number;
  minor?: number;
  fileMode?: number;
  uid?: number;
  gid?: number;
  /** `rwm`, or some of it. */
  permissions?: string;
}

/** What is added to a container. */
export interface ContainerEdits {
  env?: string[];
  deviceNodes?: DeviceNode[];
  mounts?: { hostPath: string; containerPath: string; type?: string; options?: string[] }[];
  hooks?: { hookName: string; path: string; args?: string[]; env?: string[]; timeout?: number }[];
}

export interface Device {
  /** `vendor.com/class`: the extended resource it is one of. */
  resource: string;
  name: string;
  /** Those of its kind first, then its own. */
  edits: ContainerEdits[];
}

interface Spec {
  kind: string;
  devices: { name: string; containerEdits?: ContainerEdits }[];
  containerEdits?: ContainerEdits;
}

/** Later directories win. A device called `all` stands for the others of its kind and is none of its own. */
export async function readDevices(directories: readonly string[], logger: Logger): Promise<Device[]> {
  const devices = new Map<string, Device>();
  for (const directory of directories) {
    const files = (await readdir(directory).catch(() => [])).filter((name) => /\.(json|ya?ml)$/.test(name));
    for (const file of files.sort()) {
      try {
        const spec = parseSpec(await readFile(join(directory, file), 'utf8'), await yamlParser(file));
        for (const device of devicesOf(spec)) devices.set(qualifiedName(device), device);
      } catch (error) {
        logger.warn({ file: join(directory, file), err: error }, 'this file describes no devices');
      }
    }
  }
  return [...devices.values()];
}

export function qualifiedName({ resource, name }: Device): string {
  return `${resource}=${name}`;
}

function devicesOf({ kind, devices, containerEdits = {} }: Spec): Device[] {
  return devices
    .filter(({ name }) => name !== 'all')
    .map(({ name, containerEdits: own = {} }) => ({ resource: kind, name, edits: [containerEdits, own] }));
}

type Parse = (text: string) => unknown;

async function yamlParser(file: string): Promise<Parse> {
  return file.endsWith('.json') ? JSON.parse : (await import('yaml')).parse;
}

/** Throws Error saying what is wrong. */
function parseSpec(text: string, parse: Parse): Spec {
  const spec = parse(text) as Partial<Spec> | null;
  const problem = typeof spec?.kind === 'string' ? qualifiedNameError(spec.kind) : 'is missing';
  if (problem || !spec?.kind?.includes('/')) throw new Error(`kind ${problem ?? 'wants a vendor'}`);
  if (!Array.isArray(spec.devices)) throw new Error('devices must be a list');
  for (const { name } of spec.devices)
    if (typeof name !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9_.:-]*$/.test(name))
      throw new Error(`${JSON.stringify(name)} is no name of a device`);
  return spec as Spec;
}
