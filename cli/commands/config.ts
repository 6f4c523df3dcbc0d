/** `gantry config`: which kubeconfig contexts there are, and which one is used. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { ApiError } from '../../api/meta/api-error.ts';
import { didYouMean } from '../../api/meta/field-path.ts';
import { readKubeconfig } from '../../client/kubeconfig.ts';
import type { CommandFunction } from '../command.ts';
import { formatTable } from '../table.ts';

export const currentContext: CommandFunction<object> = async ({ io, kubeconfigFiles }) => {
  const name = (await readKubeconfig(kubeconfigFiles))['current-context'];
  if (!name) throw new ApiError('NotFound', 'no current context is set');
  io.out(`${name}\n`);
  return 0;
};

export const getContexts: CommandFunction<object> = async ({ io, kubeconfigFiles }) => {
  const { contexts, 'current-context': current } = await readKubeconfig(kubeconfigFiles);
  const rows = contexts.map(({ name, context: { cluster = '', user = '', namespace = '' } }) => [
    name === current ? '*' : '',
    name,
    cluster,
    user,
    namespace,
  ]);
  io.out(formatTable([['CURRENT', 'NAME', 'CLUSTER', 'AUTHINFO', 'NAMESPACE'], ...rows]));
  return 0;
};

/** Writes to the first file that exists, as kubectl does, and leaves everything else in it as it is. */
export const useContext: CommandFunction<object> = async ({ io, kubeconfigFiles }, [wanted = '']) => {
  const { contexts } = await readKubeconfig(kubeconfigFiles);
  const names = contexts.map(({ name }) => name);
  if (!names.includes(wanted)) {
    const guess = didYouMean(wanted, names);
    throw new ApiError(
      'NotFound',
      `there is no context "${wanted}"${guess ? `; did you mean "${guess}"?` : ''}`,
    );
  }
  const { file, text } = await firstReadable(kubeconfigFiles);
  const { withField } = await import('../yaml-text.ts');
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, withField(text, 'current-context', wanted), { mode: 0o600 });
  await rename(draft, file);
  io.out(`Switched to context "${wanted}".\n`);
  return 0;
};

async function firstReadable(files: readonly string[]): Promise<{ file: string; text: string }> {
  for (const file of files) {
    const text = await readFile(file, 'utf8').catch(() => undefined);
    if (text !== undefined) return { file, text };
  }
  throw new ApiError('NotFound', `no kubeconfig in ${files.join(', ')}`);
}
