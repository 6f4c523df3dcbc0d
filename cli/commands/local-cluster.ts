/**
 * `gantry up`, `down` and `status`: handed on to the code that runs local clusters. The flags'
 * shapes are a promise of the command table to that code.
 */
import type { CommandFunction, LocalCluster } from '../command.ts';

type Options = Record<string, unknown>;

export const up = handOn('up');
export const down = handOn('down');
export const status = handOn('status');

function handOn(command: keyof LocalCluster): CommandFunction<Options> {
  return async ({ io, localCluster }, _args, options) =>
    (await localCluster())[command](options as never, io);
}
