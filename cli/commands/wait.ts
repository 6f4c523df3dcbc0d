/** `gantry wait`: until a condition holds of every named or selected object. */
import { ApiError } from '../../api/meta/api-error.ts';
import { parseDuration } from '../age.ts';
import type { CommandContext, CommandFunction, Session } from '../command.ts';
import { eachReported } from '../failure.ts';
import { type Located, selectedObjects } from '../object-source.ts';
import { waitForObject } from '../object-wait.ts';
import { shownName } from '../resource-names.ts';
import { parseTargets } from '../target.ts';
import { parseWaitConditions, type WaitCondition } from '../wait-condition.ts';

export interface WaitCommandOptions {
  for?: string[];
  timeout: string;
  selector?: string;
  all?: boolean;
}

export const wait: CommandFunction<WaitCommandOptions> = async (context, args, options) => {
  const wanted = options.for ?? [];
  const condition = parseWaitConditions(wanted);
  const timeoutMs = parseDuration(options.timeout.replace(/^-.*/, '8760h'), '--timeout');
  const session = await context.session();
  const targets = await parseTargets(args, session.discovery);
  const named = await selectedObjects(targets, session, options);
  if (named.length === 0 && !wanted.includes('delete'))
    throw new ApiError('NotFound', 'no matching resources found');
  const deadlineMs = context.clock.monotonicMs() + timeoutMs;
  return eachReported(context.io, named, (target) =>
    waitForOne({ context, session, target, condition, deadlineMs }),
  );
};

interface WaitCall {
  context: CommandContext;
  session: Session;
  target: Located;
  condition: WaitCondition;
  deadlineMs: number;
}

async function waitForOne({ context, session, target, condition, deadlineMs }: WaitCall): Promise<void> {
  const { io, clock, signal } = context;
  const { resource, key } = target;
  const shown = shownName(resource, key.name);
  // A name that never was is a mistake, not something to wait for.
  if (!condition.mayBeAbsent) await session.client.get(resource, key);
  let existed = false;
  await waitForObject(
    session.client,
    target,
    (object) => {
      if (object === undefined && existed && !condition.mayBeAbsent)
        throw new ApiError('NotFound', `${shown} was deleted while waiting for ${condition.text}`);
      existed ||= object !== undefined;
      return condition.holds(object);
    },
    {
      clock,
      signal,
      timeoutMs: Math.max(0, deadlineMs - clock.monotonicMs()),
      waitingFor: `${condition.text} of ${shown}`,
    },
  );
  io.out(`${shown} ${condition.met}\n`);
}
