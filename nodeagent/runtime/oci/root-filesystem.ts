/**
 * The root file system of one container: an overlay over an image's files, or a skeleton into which the
 * host's own directories are bound. What is written lies in the bundle; what is mounted, below the run directory.
 */
import { chmodSync, lstatSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { chown, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand, tryCommand } from '../../command.ts';
import { mountsBelow } from '../../volumes/task-directory.ts';
import type { BindMount, ContainerRoot, UserRange } from '../runtime.ts';
import { mountMapped } from './id-mapping.ts';

export interface RootPlaces {
  /** On the disk. */
  bundle: string;
  /** Where things are mounted: every user may pass through the directories above it. */
  mounts: string;
  userRange: UserRange | undefined;
}

/** What config.json names: the path of the root, and the mounts from places where their owners are the container's. */
export interface ContainerFiles {
  rootPath: string;
  mounts: BindMount[];
}

/** Everything that needs idmapped mounts gets them at once: each time costs three processes. */
export async function makeFiles(
  { root, mounts }: { root: ContainerRoot; mounts: readonly BindMount[] },
  places: RootPlaces,
): Promise<ContainerFiles> {
  const { userRange } = places;
  if (!userRange) return { rootPath: await makeRoot(root, places), mounts: [...mounts] };
  const mapped = await mountPoints(mounts, places.mounts);
  const pairs = mapped.map(({ source: target }, index) => ({ source: mounts[index]!.source, target }));
  if (root.from === 'host') {
    if (pairs.length > 0) await mountMapped(userRange, pairs);
    return { rootPath: await makeRoot(root, places), mounts: mapped };
  }
  const image = join(places.mounts, 'image');
  await mkdir(image, { mode: 0o700 });
  await mountMapped(userRange, [{ source: root.rootfs, target: image }, ...pairs]);
  return { rootPath: await mountOverlay(image, places), mounts: mapped };
}

async function makeRoot(root: ContainerRoot, places: RootPlaces): Promise<string> {
  return root.from === 'image'
    ? mountOverlay(root.rootfs, places)
    : makeSkeleton(join(places.bundle, 'rootfs'));
}

/** The same mounts from empty files and directories below `place`, made for them. */
async function mountPoints(mounts: readonly BindMount[], place: string): Promise<BindMount[]> {
  const points = mounts.map((mount, index) => ({ ...mount, source: join(place, `${index}`) }));
  for (const [index, { source: target }] of points.entries()) {
    const isDirectory = (await stat(mounts[index]!.source)).isDirectory();
    if (isDirectory) await mkdir(target, { mode: 0o711 });
    else await writeFile(target, '');
  }
  return points;
}

/** Unmounts before anything is removed: `rm` must never walk into a mounted file system. */
export async function removeTree(directory: string): Promise<void> {
  for (let left = await mountsBelow(directory); left.length > 0; left = await mountsBelow(directory)) {
    for (const path of left) {
      const { exitCode } = await tryCommand('umount', [path]);
      if (exitCode !== 0) await tryCommand('umount', ['--lazy', path]);
    }
  }
  await rm(directory, { recursive: true, force: true });
}

/** `image`: its files, with the owners they are to have. */
async function mountOverlay(image: string, { bundle, mounts, userRange }: RootPlaces): Promise<string> {
  const [upper, work, merged] = [join(bundle, 'upper'), join(bundle, 'work'), join(mounts, 'root')];
  for (const directory of [upper, work, merged]) await mkdir(directory, { mode: 0o755 });
  if (userRange) await chown(upper, userRange.base, userRange.base);
  const options = `lowerdir=${image},upperdir=${upper},workdir=${work}`;
  await runCommand('mount', ['-t', 'overlay', 'overlay', '-o', options, merged]);
  return merged;
}

const skeletonDirectories = ['usr', 'etc', 'proc', 'sys', 'dev', 'var', 'run', 'root', 'home'];
const mergedDirectories = ['bin', 'sbin', 'lib', 'lib32', 'lib64'];
const accounts = {
  passwd: 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n',
  group: 'root:x:0:\nnogroup:x:65534:\n',
};

/** Synchronous: two dozen small steps, each of which costs less than waiting in line for a thread. */
export function makeSkeleton(root: string): string {
  mkdirSync(root, { mode: 0o755 });
  for (const name of skeletonDirectories) mkdirSync(join(root, name), { mode: 0o755 });
  for (const name of ['tmp', 'var/tmp']) {
    mkdirSync(join(root, name));
    chmodSync(join(root, name), 0o1777);
  }
  for (const name of mergedDirectories) {
    if (lstatSync(`/usr/${name}`, { throwIfNoEntry: false })) symlinkSync(`usr/${name}`, join(root, name));
  }
  for (const [name, text] of Object.entries(accounts)) writeFileSync(join(root, 'etc', name), text);
  return root;
}
