/**
 * The node lifecycle controller: looks at all nodes together once a second, because whether one node is
 * given up depends on how the others are. What it remembers (`Memory`) ends with the process: a new
 * leader starts with a whole grace for every node.
 */
import { nodeLeaseNamespace } from '../../api/kinds/names.ts';
import { Lease, Node, Task } from '../../api/kinds/resources.ts';
import type { Clock } from '../../api/meta/clock.ts';
import type { Logger } from '../../api/meta/logger.ts';
import { Loop } from '../../api/meta/loop.ts';
import type { Client } from '../../client/client.ts';
import type { Informers } from '../../client/controller.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';
import { actOnNode } from './act.ts';
import { type ClusterView, decideNodes, type Memory, type NodeAction } from './decide.ts';
import { defaultRates, type EvictionRates } from './zones.ts';

export interface NodeLifecycleOptions {
  client: Client;
  informers: Informers;
  events: EventRecorder;
  clock: Clock;
  logger: Logger;
  rates?: EvictionRates;
}

const intervalMs = 1_000;
const writesAtOnce = 16;

export class NodeLifecycle {
  readonly #options: NodeLifecycleOptions;
  readonly #loop: Loop;
  #memory: Memory | undefined;

  constructor(options: NodeLifecycleOptions) {
    this.#options = options;
    const { clock, logger } = options;
    this.#loop = new Loop({
      name: 'node-lifecycle',
      step: (signal) => this.#step(signal),
      intervalMs,
      backoff: { baseMs: intervalMs, maxMs: 5 * intervalMs },
      clock,
      logger,
    });
    // Asked for here, so that the runtime starts them.
    for (const resource of [Node, Lease, Task]) options.informers.informer<Node | Lease | Task>(resource);
  }

  /** Begins once the caches have synced: an empty cache would look like nodes taken away. */
  async start(): Promise<void> {
    const { informers } = this.#options;
    await Promise.all([
      informers.informer(Node).whenSynced(),
      informers.informer(Lease).whenSynced(),
      informers.informer(Task).whenSynced(),
    ]);
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #step(signal: AbortSignal): Promise<void> {
    const { actions, memory } = decideNodes(this.#view(), this.#memory, this.#options.rates ?? defaultRates);
    this.#memory = memory;
    // Nodes before tasks: nothing more is to be bound there.
    for (const batch of batches(actions)) {
      if (signal.aborted) return;
      await Promise.all(batch.map((action) => this.#act(action)));
    }
    // Work that took long is no absence.
    this.#memory = { ...memory, awakeAtMs: this.#options.clock.monotonicMs() };
  }

  /** One action that fails must not keep the others, or the next look at the nodes, from happening. */
  async #act(action: NodeAction): Promise<void> {
    try {
      await actOnNode(action, this.#options);
    } catch (error) {
      this.#options.logger.warn({ err: error, action: action.type }, 'node lifecycle action failed');
    }
  }

  #view(): ClusterView {
    const { informers, clock } = this.#options;
    const leases = informers.informer(Lease).cache.list(nodeLeaseNamespace);
    return {
      nodes: informers.informer(Node).cache.list(),
      leases: new Map(leases.map((lease) => [lease.metadata.name, lease])),
      tasks: tasksByNode(informers.informer(Task).cache.list()),
      nowMs: clock.monotonicMs(),
    };
  }
}

function tasksByNode(tasks: readonly Task[]): Map<string, Task[]> {
  const byNode = new Map<string, Task[]>();
  for (const task of tasks) {
    const { nodeName } = task.spec;
    if (nodeName === undefined) continue;
    const others = byNode.get(nodeName);
    if (others) others.push(task);
    else byNode.set(nodeName, [task]);
  }
  return byNode;
}

function batches(actions: readonly NodeAction[]): NodeAction[][] {
  const result: NodeAction[][] = [];
  for (let from = 0; from < actions.length; from += writesAtOnce) {
    result.push(actions.slice(from, from + writesAtOnce));
  }
  return result;
}
