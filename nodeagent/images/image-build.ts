/** Makes an image of one layer out of a directory, as an OCI archive. */
import { copyFile, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from '../command.ts';
import { architecture } from '../machine.ts';

export interface BuildOptions {
  /** The file to write. */
  archive: string;
  /** What the archive calls it. */
  name: string;
  /** umoci's flags for the image's configuration. */
  config: readonly string[];
}

export async function buildImage(root: string, { archive, name, config }: BuildOptions): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'gantry-image-'));
  try {
    const layout = join(scratch, 'layout');
    const image = ['--image', `${layout}:image`];
    await runCommand('umoci', ['init', '--layout', layout]);
    await runCommand('umoci', ['new', ...image]);
    await runCommand('umoci', ['insert', ...image, root, '/']);
    const platform = ['--os', 'linux', '--architecture', architecture()];
    await runCommand('umoci', ['config', ...image, ...platform, ...config]);
    const target = `oci-archive:${scratch}/image.tar:${name}`;
    await runCommand('skopeo', ['copy', '--quiet', `oci:${layout}:image`, target]);
    await rename(join(scratch, 'image.tar'), archive).catch(() =>
      copyFile(join(scratch, 'image.tar'), archive),
    );
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
