/**
 * All controllers together, for one term of leadership: started on fresh caches, ended with `signal`. When
 * custom kinds come or go they all start again: the garbage collector must know every kind there is.
 */
import { builtinResources, CustomResourceDefinition } from '../api/kinds/resources.ts';
import { type Clock, systemClock } from '../api/meta/clock.ts';
import type { Logger } from '../api/meta/logger.ts';
import { Loop } from '../api/meta/loop.ts';
import { type Random, systemRandom } from '../api/meta/random.ts';
import type { Client } from '../client/client.ts';
import { LinkedAbort } from '../client/linked-abort.ts';
import { ControllerRuntime } from '../client/runtime.ts';
import { customResources, identityOf } from './custom-resources.ts';
import { disruptionController } from './disruption/reconcile.ts';
import { endpointsController, jobEndpointsController } from './endpoints/reconcile.ts';
import { garbageCollectors } from './garbage-collector/garbage-collector.ts';
import { jobController } from './job/reconcile.ts';
import { namespaceController } from './namespace/namespace.ts';
import { NodeLifecycle } from './node-lifecycle/node-lifecycle.ts';
import type { EvictionRates } from './node-lifecycle/zones.ts';
import { serviceAccountController } from './service-account/service-account.ts';
import { claimController, volumeController } from './volumes/reconcile.ts';

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
  const { clock, random, logger, signal } = options;
  const lives = new Loop({
    name: 'controllers',
    step: (ended) => runUntilKindsChange(options, ended),
    intervalMs: 0,
    backoff: { baseMs: 100, maxMs: 2_000 },
    ...(clock ? { clock } : {}),
    ...(random ? { random } : {}),
    logger,
  });
  await new Promise<void>((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
    lives.start();
  });
  await lives.stop();
}

/** Resolves when the custom kinds are others than at the start, or `ended` has aborted. */
async function runUntilKindsChange(options: RunOptions, ended: AbortSignal): Promise<void> {
  const { client, component, logger, clock = systemClock, random = systemRandom } = options;
  const custom = customResources((await client.list(CustomResourceDefinition, { signal: ended })).items);
  const runtime = new ControllerRuntime({ client, component, logger, clock, random });
  runtime
    .add(jobController())
    .add(endpointsController)
    .add(jobEndpointsController)
    .add(namespaceController)
    .add(disruptionController)
    .add(serviceAccountController)
    .add(claimController)
    .add(volumeController);
  for (const collector of garbageCollectors([...builtinResources, ...custom])) runtime.add(collector);
  const life = new LinkedAbort(ended);
  const definitions = runtime.informer(CustomResourceDefinition);
  const checkKinds = (): void => {
    const served = customResources(definitions.cache.list());
    if (definitions.hasSynced && identityOf(served) !== identityOf(custom)) life.abort();
  };
  definitions.onChange(checkKinds);
  definitions.whenSynced().then(checkKinds);
  await runWithNodes(runtime, options, life.signal);
  life.release();
}

async function runWithNodes(
  runtime: ControllerRuntime,
  options: RunOptions,
  signal: AbortSignal,
): Promise<void> {
  const { client, logger, clock = systemClock } = options;
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
