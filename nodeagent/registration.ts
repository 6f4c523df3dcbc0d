/**
 * Keeps this node known to the API server: its Node object (made again if somebody deletes it), its
 * status, and, apart from both and cheaper, its lease.
 *
 * Invariant: the lease is renewed as long as the agent lives and can reach the API server, whatever else fails.
 */
import { nodeLeaseNamespace } from '../api/kinds/names.ts';
import { Lease, Node } from '../api/kinds/resources.ts';
import { hasReason } from '../api/meta/api-error.ts';
import { type Clock, systemClock } from '../api/meta/clock.ts';
import type { Logger } from '../api/meta/logger.ts';
import { Loop } from '../api/meta/loop.ts';
import { microTimestamp } from '../api/meta/object-meta.ts';
import type { Client } from '../client/client.ts';
import { Informer } from '../client/informer.ts';
import {
  changedStatus,
  missingMarks,
  type NodeIdentity,
  type NodeState,
  nodeLabels,
  nodeStatus,
  ownTaints,
} from './node-status.ts';

export interface RegistrationOptions {
  client: Client;
  identity: NodeIdentity;
  /** Looked up at every turn. */
  observe: () => Promise<NodeState>;
  leaseDurationSeconds: number;
  /** Called before a renewal of the lease is sent; what it returns, when the renewal has been confirmed. */
  onRenewal?: () => () => Promise<void>;
  logger: Logger;
  clock?: Clock;
}

const statusIntervalMs = 10_000;

export class Registration {
  readonly #options: RegistrationOptions;
  readonly #clock: Clock;
  readonly #node: Informer<Node>;
  readonly #status: Loop;
  readonly #heartbeat: Loop;

  constructor(options: RegistrationOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    const { client, identity, logger, leaseDurationSeconds } = options;
    const loop = { clock: this.#clock, logger, backoff: { baseMs: 200, maxMs: 2000 } };
    this.#node = new Informer({
      client,
      resource: Node,
      scope: { fieldSelector: `metadata.name=${identity.name}` },
      logger,
    });
    this.#status = new Loop({
      ...loop,
      name: 'node-status',
      step: () => this.#update(),
      intervalMs: statusIntervalMs,
    });
    this.#heartbeat = new Loop({
      ...loop,
      name: 'node-lease',
      step: () => this.#renew(),
      intervalMs: (leaseDurationSeconds * 1000) / 4,
    });
  }

  start(): void {
    this.#heartbeat.start();
    this.#node.onChange(() => this.#status.wake());
    this.#node.start();
    void this.#node.whenSynced().then(() => this.#status.start());
  }

  async stop(): Promise<void> {
    await Promise.all([this.#node.stop(), this.#status.stop(), this.#heartbeat.stop()]);
  }

  /** The images changed, or something else that the status tells. */
  wake(): void {
    this.#status.wake();
  }

  async #update(): Promise<void> {
    const { client, identity, observe } = this.#options;
    const node = this.#node.cache.get(identity.name) ?? (await this.#register());
    await this.#mark(node);
    const changes = changedStatus(
      node.status,
      nodeStatus(identity, await observe(), node.status, this.#clock.now()),
    );
    if (!changes) return;
    const patch = { type: 'merge' as const, body: { status: changes } };
    await client.patch(Node, { name: identity.name }, patch, { subresource: 'status' });
  }

  /** Labels an operator has changed are his: the API server refuses them, and the status goes on without. */
  async #mark(node: Node): Promise<void> {
    const { client, identity, logger } = this.#options;
    const marks = missingMarks(node, identity);
    if (!marks) return;
    try {
      await client.patch(Node, { name: identity.name }, { type: 'merge', body: marks });
    } catch (error) {
      if (!hasReason(error, 'Forbidden')) throw error;
      logger.debug({ node: identity.name, err: error }, 'labels of the node stay as they are');
    }
  }

  async #register(): Promise<Node> {
    const { client, identity, logger } = this.#options;
    const metadata = { name: identity.name, labels: nodeLabels(identity) };
    try {
      const node = await client.create(Node, { metadata, spec: { taints: ownTaints(identity) } });
      logger.info({ node: identity.name }, 'registered the node');
      return node;
    } catch (error) {
      if (!hasReason(error, 'AlreadyExists')) throw error;
      return client.get(Node, { name: identity.name });
    }
  }

  async #renew(): Promise<void> {
    const { client, identity, leaseDurationSeconds, onRenewal } = this.#options;
    const confirmed = onRenewal?.();
    const key = { namespace: nodeLeaseNamespace, name: identity.name };
    const spec = {
      holderIdentity: identity.name,
      leaseDurationSeconds,
      renewTime: microTimestamp(this.#clock.now()),
    };
    try {
      await client.patch(Lease, key, { type: 'merge', body: { spec } });
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
      await client.create(Lease, { metadata: key, spec });
    }
    await confirmed?.();
  }
}
