/** What `up -f` shows at the end: the jobs, their tasks, the nodes they are on, and what to type next. */
import { join } from 'node:path';
import { execa } from 'execa';
import type { UpContext } from './up.ts';

export async function showApplied({
  home,
  root,
  output,
}: Pick<UpContext, 'home' | 'root' | 'output'>): Promise<void> {
  const args = ['--kubeconfig', home.kubeconfigFile, 'get', 'jobs,tasks,nodes', '-o', 'wide'];
  const { stdout } = await execa(process.execPath, [join(root, 'dist/cli/main.js'), ...args], {
    stderr: 'inherit',
  });
  output.out(
    `\n${stdout}\n\nNext:  ./gantry get tasks -w     ./gantry describe job web     kubectl get gj,gt,nodes     ./gantry down\n`,
  );
}
