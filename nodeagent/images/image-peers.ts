/**
 * Layers from other nodes instead of the registry: the API server says who has the image, their agents give its
 * blobs by digest. A peer that is gone, busy, slow or wrong costs a moment; then the next is asked, and then the
 * registry.
 *
 * Invariant: what a peer sends counts only if it hashes to its digest. The registry has said before, for this very
 * pull, what the digest is and that the image may be had.
 */
import { rm } from 'node:fs/promises';
import { Node } from '../../api/kinds/resources.ts';
import { type Clock, systemClock } from '../../api/meta/clock.ts';
import type { Logger } from '../../api/meta/logger.ts';
import type { Client } from '../../client/client.ts';
import type { ClusterConfig } from '../../client/cluster-config.ts';
import { type AgentPlace, requestNode } from '../../client/node-request.ts';
import { objectPath, withQuery } from '../../client/resource-path.ts';
import { type Download, saveBody } from './http-exchange.ts';
import type { Descriptor } from './image-manifest.ts';

export interface ImagePeersOptions {
  client: Pick<Client, 'raw'>;
  /** The node's own way to the cluster; agents take its certificate for blobs. */
  config: ClusterConfig;
  node: string;
  logger: Logger;
  clock?: Clock;
}

/** Until a peer answers, and between two pieces of what it sends. */
const patienceMs = 5000;

/** Fetches a blob into a file that must not exist yet. False: no peer gave it. */
export type PeerFetch = (blob: Descriptor, download: Download) => Promise<boolean>;

export class ImagePeers {
  readonly #options: ImagePeersOptions;

  constructor(options: ImagePeersOptions) {
    this.#options = options;
  }

  /** Never throws: whoever cannot be asked has nothing. */
  async having(digest: string, signal: AbortSignal): Promise<PeerFetch> {
    const { client, node, logger } = this.#options;
    const path = withQuery(objectPath(Node, { name: node }, 'imagepeers'), { digest });
    try {
      const { items } = (await client.raw(path, { signal })) as { items: AgentPlace[] };
      return (blob, download) => this.#fetch(items, blob, download);
    } catch (error) {
      logger.debug({ digest, err: error }, 'nobody says which nodes have the image');
      return async () => false;
    }
  }

  async #fetch(peers: readonly AgentPlace[], blob: Descriptor, download: Download): Promise<boolean> {
    for (const peer of peers) {
      try {
        await this.#fetchFrom(peer, blob, download);
        return true;
      } catch (error) {
        download.signal.throwIfAborted();
        const about = { peer: peer.metadata.name, digest: blob.digest, err: error };
        this.#options.logger.info(about, 'a node did not give a blob');
        await rm(download.path, { force: true });
      }
    }
    return false;
  }

  async #fetchFrom(peer: AgentPlace, blob: Descriptor, download: Download): Promise<void> {
    const { config, clock = systemClock } = this.#options;
    const late = new AbortController();
    const timer = clock.after(patienceMs, () => late.abort(new Error('it does not answer')));
    const signal = AbortSignal.any([download.signal, late.signal]);
    const request = { method: 'GET', path: `/blobs/${blob.digest}`, signal } as const;
    const answer = await requestNode(config, peer, request).finally(() => timer.cancel());
    answer.setTimeout(patienceMs, () => answer.destroy(new Error('it went silent')));
    await saveBody(answer, blob, download);
  }
}
