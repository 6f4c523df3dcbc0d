/** `gantry patch`: a JSON merge patch, or a JSON patch with --type=json, written as JSON or YAML. */

import type { Patch } from '../../client/client.ts';
import type { CommandFunction } from '../command.ts';
import { dryRunSuffix, parseDryRun, type WriteOptions, writeParameters } from '../dry-run.ts';
import { eachReported, UsageError } from '../failure.ts';
import { parseOutputFormat, printObjects } from '../output-format.ts';
import { shownName } from '../resource-names.ts';
import { parseNamedTargets } from '../target.ts';

export interface PatchOptions extends WriteOptions {
  patch?: string;
  patchFile?: string;
  type: string;
  subresource?: string;
  output?: string;
}

export const patch: CommandFunction<PatchOptions> = async (context, args, options) => {
  const change = await readPatch(options);
  const subresource = parseSubresource(options.subresource);
  const format = parseOutputFormat(options.output);
  const session = await context.session();
  const targets = await parseNamedTargets(args, session.discovery);
  const dryRun = parseDryRun(options.dryRun);
  if (dryRun === 'client') throw new UsageError('a patch is computed by the server: use --dry-run=server');
  return eachReported(context.io, targets, async ({ resource, name }) => {
    const key = { name, ...(resource.namespaced ? { namespace: session.namespace } : {}) };
    const before = await session.client.get(resource, key);
    const object = await session.client.patch(resource, key, change, {
      ...writeParameters(options, 'kubectl-patch'),
      ...(subresource === undefined ? {} : { subresource }),
    });
    if (format.type !== 'table')
      return printObjects(context.io, [{ resource, object }], { format, single: true });
    const same = object.metadata.resourceVersion === before.metadata.resourceVersion && dryRun === 'none';
    context.io.out(
      `${shownName(resource, name)} patched${same ? ' (no change)' : ''}${dryRunSuffix(dryRun)}\n`,
    );
  });
};

async function readPatch({ patch: text, patchFile, type }: PatchOptions): Promise<Patch> {
  if ((text === undefined) === (patchFile === undefined))
    throw new UsageError(`give the patch with -p '{"spec":…}' or --patch-file`);
  const source = text ?? (await (await import('node:fs/promises')).readFile(patchFile ?? '', 'utf8'));
  const { fromYaml } = await import('../yaml-text.ts');
  let body: unknown;
  try {
    body = fromYaml(source);
  } catch (error) {
    throw new UsageError(
      `the patch is neither JSON nor YAML: ${error instanceof Error ? error.message : error}`,
    );
  }
  if (type === 'json' && Array.isArray(body)) return { type: 'json', body };
  if (type === 'merge' && typeof body === 'object' && body !== null && !Array.isArray(body))
    return { type: 'merge', body: body as Record<string, unknown> };
  throw new UsageError(
    'want an object with --type=merge (the default), or a list of operations with --type=json',
  );
}

function parseSubresource(word: string | undefined): 'status' | 'scale' | 'resize' | undefined {
  if (word === undefined || word === 'status' || word === 'scale' || word === 'resize') return word;
  throw new UsageError('--subresource: want status, scale or resize');
}
