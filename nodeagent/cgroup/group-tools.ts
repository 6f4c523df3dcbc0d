/** Making a node's control group and its parents through cgroup-tools, which know both versions of the kernel's. */
import { runCommand } from '../command.ts';

export type CreateGroup = (controllers: readonly string[], path: string) => Promise<void>;

export const createGroup: CreateGroup = async (controllers, path) => {
  await runCommand('cgcreate', ['-g', `${controllers.join(',')}:${path}`]);
};
