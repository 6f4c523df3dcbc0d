/**
 * `gantry up`, `down`, `status` and `image`: handed on to the code that runs local clusters. The flags'
 * shapes are a promise of the command table to that code.
 */
import type { CommandFunction, LocalCluster } from '../command.ts';
import { UsageError } from '../failure.ts';

type Options = Record<string, unknown>;

export const up = handOn('up');
export const down = handOn('down');
export const status = handOn('status');
export const listImages = handOn('imageList');

/** Archives may be named with or without -f. */
export const loadImage: CommandFunction<Options> = async (context, args, options) => {
  const filename = [...((options['filename'] as string[] | undefined) ?? []), ...args];
  if (filename.length === 0) throw new UsageError('say what to load: -f ARCHIVE.tar');
  return (await context.localCluster()).imageLoad({ ...options, filename } as never, context.io);
};

function handOn(command: keyof LocalCluster): CommandFunction<Options> {
  return async ({ io, localCluster }, _args, options) =>
    (await localCluster())[command](options as never, io);
}
