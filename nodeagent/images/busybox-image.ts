/**
 * Builds an image of the machine's own busybox, so that examples and tests run where no registry can be
 * reached. Give a statically linked one.
 */
import { chmod, copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../command.ts';
import { buildImage } from './image-build.ts';

export interface BusyboxImageOptions {
  /** Path of a static busybox. */
  binary: string;
  /** OCI archive (tar) to write. */
  archive: string;
  name?: string;
}

const directories = [
  'bin',
  'etc',
  'home',
  'root',
  'usr/bin',
  'usr/sbin',
  'sbin',
  'var/log',
  'var/run',
  'proc',
  'sys',
  'dev',
];

export async function buildBusyboxImage({
  binary,
  archive,
  name = 'busybox:latest',
}: BusyboxImageOptions): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'gantry-busybox-'));
  try {
    const root = join(scratch, 'rootfs');
    await makeRootfs(root, binary);
    const config = ['--config.cmd', 'sh', '--config.env', 'PATH=/bin:/sbin:/usr/bin:/usr/sbin'];
    await buildImage(root, { archive, name, config });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function makeRootfs(root: string, binary: string): Promise<void> {
  for (const directory of directories) await mkdir(join(root, directory), { recursive: true, mode: 0o755 });
  await mkdir(join(root, 'tmp'));
  await chmod(join(root, 'tmp'), 0o1777);
  await writeFile(
    join(root, 'etc/passwd'),
    'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n',
  );
  await writeFile(join(root, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n');
  await copyFile(binary, join(root, 'bin/busybox'));
  await chmod(join(root, 'bin/busybox'), 0o755);
  const applets = (await runCommand(binary, ['--list'])).split('\n').filter(Boolean);
  // A link called busybox would replace the binary by a link to itself.
  for (const applet of applets) if (applet !== 'busybox') await symlink('busybox', join(root, 'bin', applet));
}
