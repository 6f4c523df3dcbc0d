/**
 * `gantry image …`: the images on the nodes. Agents that share one directory (a local cluster's) are asked once
 * for all of them.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { Node } from '../../api/kinds/resources.ts';
import { ApiError, asApiError } from '../../api/meta/api-error.ts';
import { formatBytes } from '../../api/meta/quantity.ts';
import { readBody } from '../../client/bounded-body.ts';
import type { CommandContext, CommandFunction, Session } from '../command.ts';
import { eachReported, UsageError } from '../failure.ts';
import { formatTable } from '../table.ts';

interface NodeOptions {
  node?: string[];
}

interface ImageItem {
  names: string[];
  digest: string;
  sizeBytes: number;
  users: string[];
}

/** One image directory, and the nodes that have it. */
interface ImageStore {
  nodes: Node[];
  items: ImageItem[];
}

const maxListBytes = 64 * 1024 * 1024;

export const listImages: CommandFunction<NodeOptions> = async (context, _args, options) => {
  const stores = await imageStores(context, options);
  const rows = stores.flatMap(({ nodes, items }) =>
    items.map(({ names, digest, sizeBytes, users }) => [
      names.join(','),
      digest.slice(0, 19),
      formatBytes(sizeBytes),
      nodeNames(nodes),
      users.join(',') || '<none>',
    ]),
  );
  context.io.out(formatTable([['IMAGE', 'DIGEST', 'SIZE', 'NODES', 'USERS'], ...rows]));
  return 0;
};

/** Archives may be named with or without -f. */
export const loadImages: CommandFunction<NodeOptions & { filename?: string[]; as?: string }> = async (
  context,
  args,
  options,
) => {
  const archives = [...(options.filename ?? []), ...args];
  if (archives.length === 0) throw new UsageError('say what to load: -f ARCHIVE.tar');
  for (const archive of archives) await requireFile(archive);
  const stores = await imageStores(context, options);
  const query = options.as === undefined ? '' : `?name=${encodeURIComponent(options.as)}`;
  return eachReported(context.io, archives, async (archive) => {
    for (const { nodes } of stores) {
      const body = createReadStream(archive);
      const answer = await ask(await context.session(), nodes, {
        method: 'PUT',
        path: `/images${query}`,
        body,
      }).catch((error: unknown) => {
        const { reason, message, details } = asApiError(error);
        throw new ApiError(reason, `${archive}: ${message}`, details, error);
      });
      for (const { names, digest } of (answer as { items: ImageItem[] }).items)
        context.io.out(`${names.join(', ')} loaded on ${nodeNames(nodes)} (${digest.slice(0, 19)})\n`);
    }
  });
};

export const pullImages: CommandFunction<NodeOptions> = async (context, args, options) => {
  if (args.length === 0) throw new UsageError('say which image to pull');
  const stores = await imageStores(context, options);
  return eachReported(context.io, args, async (reference) => {
    const path = `/images/pull?reference=${encodeURIComponent(reference)}`;
    for (const { nodes } of stores) {
      const answer = (await ask(await context.session(), nodes, { method: 'POST', path })) as {
        name: string;
        digest: string;
      };
      context.io.out(`${answer.name} pulled on ${nodeNames(nodes)} (${answer.digest.slice(0, 19)})\n`);
    }
  });
};

export const pruneImages: CommandFunction<NodeOptions> = async (context, _args, options) => {
  let freedBytes = 0;
  for (const { nodes } of await imageStores(context, options)) {
    const answer = (await ask(await context.session(), nodes, { method: 'POST', path: '/images/prune' })) as {
      removed: ImageItem[];
      freedBytes: number;
    };
    freedBytes += answer.freedBytes;
    for (const { names, digest } of answer.removed)
      context.io.out(`${names.join(', ') || digest.slice(0, 19)} removed from ${nodeNames(nodes)}\n`);
  }
  context.io.out(`${formatBytes(freedBytes)} freed\n`);
  return 0;
};

/** From the first node that has it. */
export const saveImage: CommandFunction<NodeOptions & { output?: string; format: string }> = async (
  context,
  [reference],
  { output, format, ...options },
) => {
  if (reference === undefined || output === undefined) throw new UsageError('say what to save, and -o FILE');
  if (format !== 'oci-archive' && format !== 'docker-archive')
    throw new UsageError('--format is oci-archive or docker-archive');
  const session = await context.session();
  const path = `/images/archive?reference=${encodeURIComponent(reference)}&format=${format}`;
  let problem: unknown = new ApiError('NotFound', `image ${reference} is on no node`);
  for (const { nodes } of await imageStores(context, options)) {
    try {
      const answer = await session.requestNode(nodes[0]!, { method: 'GET', path });
      // Half an archive is none.
      await pipeline(answer, createWriteStream(output)).catch(async (error: unknown) => {
        await rm(output, { force: true });
        throw error;
      });
      context.io.out(`${reference} saved to ${output}\n`);
      return 0;
    } catch (error) {
      problem = error;
    }
  }
  throw problem;
};

async function imageStores(
  context: CommandContext,
  { node: wanted = [] }: NodeOptions,
): Promise<ImageStore[]> {
  const session = await context.session();
  const { items: nodes } = await session.client.list(Node);
  const missing = wanted.find((name) => !nodes.some(({ metadata }) => metadata.name === name));
  if (missing !== undefined) throw new ApiError('NotFound', `nodes ${JSON.stringify(missing)} not found`);
  const chosen = nodes.filter(({ metadata }) => wanted.length === 0 || wanted.includes(metadata.name));
  if (chosen.length === 0) throw new ApiError('NotFound', 'the cluster has no nodes');
  const stores = new Map<string, ImageStore>();
  for (const node of chosen) {
    const answer = await ask(session, [node], { method: 'GET', path: '/images' });
    const { store, items } = answer as { store: string; items: ImageItem[] };
    const known = stores.get(store);
    stores.set(
      store,
      known ? { nodes: [...known.nodes, node], items: merged(known.items, items) } : { nodes: [node], items },
    );
  }
  return [...stores.values()];
}

/** Each agent knows its own tasks only. */
function merged(items: ImageItem[], others: ImageItem[]): ImageItem[] {
  return items.map((item) => {
    const users = others.find(({ digest }) => digest === item.digest)?.users ?? [];
    return { ...item, users: [...new Set([...item.users, ...users])].sort() };
  });
}

async function ask(
  { requestNode }: Session,
  [node]: Node[],
  request: Parameters<Session['requestNode']>[1],
): Promise<unknown> {
  return JSON.parse((await readBody(await requestNode(node!, request), maxListBytes)).toString());
}

async function requireFile(archive: string): Promise<void> {
  const found = await stat(archive).catch(() => undefined);
  if (!found?.isFile()) throw new ApiError('NotFound', `${archive} is not a file`);
}

function nodeNames(nodes: readonly Node[]): string {
  return nodes.map(({ metadata }) => metadata.name).join(',');
}
