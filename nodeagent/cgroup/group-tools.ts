/** Making and setting control groups through cgroup-tools, which know both versions of the kernel's. */
import { runCommand } from '../command.ts';

/** File name to value, in the order they must be written. */
export type GroupSettings = [file: string, value: string][];

export interface GroupTools {
  create(controllers: readonly string[], path: string): Promise<void>;
  set(path: string, settings: GroupSettings): Promise<void>;
}

export const cgroupTools: GroupTools = {
  async create(controllers, path) {
    await runCommand('cgcreate', ['-g', `${controllers.join(',')}:${path}`]);
  },
  async set(path, settings) {
    if (settings.length === 0) return;
    await runCommand('cgset', [...settings.flatMap(([file, value]) => ['-r', `${file}=${value}`]), path]);
  },
};
