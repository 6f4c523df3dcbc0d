/** `gantry sim`: the scheduler over a trace or a checkpoint of the cluster. Handed on to the code that can run it. */
import type { CommandFunction } from '../command.ts';
import { UsageError } from '../failure.ts';

export interface SimCommandOptions {
  nodes?: string;
  trace?: string;
  output?: string;
  compaction?: string | boolean;
  ends?: boolean;
}

const forms = ['text', 'json', 'csv', 'svg'];
const defaultTrials = 11;
const maxTrials = 1000;

export const sim: CommandFunction<SimCommandOptions> = async (context, args, options) => {
  if (args.length > 0) throw new UsageError('files are given with --nodes and --trace');
  const { nodes, trace, output = 'text' } = options;
  if (!forms.includes(output))
    throw new UsageError(`unknown output ${JSON.stringify(output)}: want ${forms.join(', ')}`);
  const { sim: run } = await context.localCluster();
  const request = {
    client: async () => (await context.session()).client,
    ...(nodes === undefined ? {} : { nodesFile: nodes }),
    ...(trace === undefined ? {} : { traceFile: trace }),
    form: output,
    ends: options.ends ?? true,
    compactionTrials: trialsOf(options.compaction),
  };
  return run(request as never, context.io);
};

function trialsOf(compaction: string | boolean | undefined): number {
  if (compaction === undefined || compaction === false) return 0;
  if (compaction === true) return defaultTrials;
  const trials = Number(compaction);
  if (!Number.isInteger(trials) || trials < 1 || trials > maxTrials)
    throw new UsageError(`--compaction: want a number of trials from 1 to ${maxTrials}`);
  return trials;
}
