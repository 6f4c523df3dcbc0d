/**
 * The root file system of one container: an overlay over an image's files, or a skeleton into which the
 * host's own directories are bound. Both live inside the bundle; removing them twice is no error.
 */
import { chmod, lstat, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand, tryCommand } from '../../command.ts';
import type { ContainerRoot } from '../runtime.ts';

/** Gives the path of the root, to be named in config.json. */
export async function makeRoot(bundle: string, root: ContainerRoot): Promise<string> {
  return root.from === 'image' ? mountOverlay(bundle, root.rootfs) : makeSkeleton(join(bundle, 'rootfs'));
}

/** Unmounts before anything is removed: `rm` must never walk into a mounted file system. */
export async function removeBundle(bundle: string): Promise<void> {
  const merged = join(bundle, 'merged');
  while (await isMounted(merged)) {
    const { exitCode } = await tryCommand('umount', [merged]);
    if (exitCode !== 0) await runCommand('umount', ['--lazy', merged]);
  }
  await rm(bundle, { recursive: true, force: true });
}

async function mountOverlay(bundle: string, lower: string): Promise<string> {
  const [upper, work, merged] = ['upper', 'work', 'merged'].map((name) => join(bundle, name)) as [
    string,
    string,
    string,
  ];
  for (const directory of [upper, work, merged]) await mkdir(directory, { mode: 0o755 });
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
  await runCommand('mount', ['-t', 'overlay', 'overlay', '-o', options, merged]);
  return merged;
}

const skeletonDirectories = ['usr', 'etc', 'proc', 'sys', 'dev', 'var', 'run', 'root', 'home'];
const mergedDirectories = ['bin', 'sbin', 'lib', 'lib32', 'lib64'];
const accounts = {
  passwd: 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n',
  group: 'root:x:0:\nnogroup:x:65534:\n',
};

async function makeSkeleton(root: string): Promise<string> {
  await mkdir(root, { mode: 0o755 });
  for (const name of skeletonDirectories) await mkdir(join(root, name), { mode: 0o755 });
  for (const name of ['tmp', 'var/tmp']) {
    await mkdir(join(root, name));
    await chmod(join(root, name), 0o1777);
  }
  for (const name of mergedDirectories) {
    if (await exists(`/usr/${name}`)) await symlink(`usr/${name}`, join(root, name));
  }
  for (const [name, text] of Object.entries(accounts)) await writeFile(join(root, 'etc', name), text);
  return root;
}

async function isMounted(path: string): Promise<boolean> {
  const mounts = await readFile('/proc/self/mounts', 'utf8');
  return mounts.includes(` ${path} `);
}

function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
