/** All controllers together, for one term of leadership: started on fresh caches, ended with `signal`. */
import { type Clock, systemClock } from '../api/meta/clock.ts';
import type { Logger } from '../api/meta/logger.ts';
import { type Random, systemRandom } from '../api/meta/random.ts';
import type { Client } from '../client/client.ts';
import { ControllerRuntime } from '../client/runtime.ts';
import { garbageCollectors } from './garbage-collector/garbage-collector.ts';
import { jobController } from './job/reconcile.ts';
import { namespaceController } from './namespace/namespace.ts';
import { NodeLifecycle } from './node-lifecycle/node-lifecycle.ts';
import type { EvictionRates } from './node-lifecycle/zones.ts';

export interface RunOptions {
  client: Client;
  /** Who speaks in events. */
  component: string;
  logger: Logger;
  signal: AbortSignal;
  clock?: Clock;
  random?: Random;
  evictionRates?: EvictionRates;
}

/** Resolves when `signal` has aborted and nothing runs any more. */
export async function runControllers(options: RunOptions): Promise<void> {
  const { client, component, logger, signal, clock = systemClock, random = systemRandom } = options;
  const runtime = new ControllerRuntime({ client, component, logger, clock, random });
  runtime.add(jobController()).add(namespaceController);
  for (const collector of garbageCollectors()) runtime.add(collector);
  const nodes = new NodeLifecycle({
    client,
    informers: runtime,
    events: runtime.events,
    clock,
    logger,
    ...(options.evictionRates ? { rates: options.evictionRates } : {}),
  });
  const stopNodes = (): void => void nodes.stop();
  signal.addEventListener('abort', stopNodes, { once: true });
  nodes.start().catch((error: unknown) => logger.error({ err: error }, 'node lifecycle did not start'));
  await runtime.run(signal);
  await nodes.stop();
}
