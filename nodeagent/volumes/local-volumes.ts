/**
 * The volumes of claims on this node: `<root>/persistent/<volume>`, made when the first task mounts one, removed
 * when the volume is deleted. Beside the volumes of tasks: nothing that ends with a task touches them.
 *
 * Invariant: only a volume that is being deleted, with reclaim policy Delete, loses what is in it; it goes when
 * that is done.
 */
import { chmod, mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PersistentVolume } from '../../api/kinds/resources.ts';
import { isProvisioned, localVolumeFinalizer } from '../../api/kinds/volume-names.ts';
import { hasReason } from '../../api/meta/api-error.ts';
import type { Logger } from '../../api/meta/logger.ts';
import { Loop } from '../../api/meta/loop.ts';
import type { Client } from '../../client/client.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';
import { Informer } from '../../client/informer.ts';

export function claimDirectoryIn(rootDirectory: string): string {
  return join(rootDirectory, 'persistent');
}

/** The directory of a volume in `claimDirectory`, made when it is not there; undefined for a path elsewhere. */
export async function ownVolume(claimDirectory: string, path: string): Promise<string | undefined> {
  if (dirname(path) !== claimDirectory) return undefined;
  const made = await mkdir(path, { recursive: true, mode: 0o711 });
  // Afterwards its permissions are its tasks'.
  if (made !== undefined) await chmod(path, 0o777);
  return path;
}

export interface LocalVolumesOptions {
  client: Client;
  node: string;
  claimDirectory: string;
  events: Pick<EventRecorder, 'record'>;
  logger: Logger;
}

const lookAgainMs = 60_000;

export class LocalVolumes {
  readonly #options: LocalVolumesOptions;
  readonly #volumes: Informer<PersistentVolume>;
  readonly #loop: Loop;

  constructor(options: LocalVolumesOptions) {
    const { client, node, logger } = options;
    this.#options = options;
    const scope = { fieldSelector: `spec.nodeName=${node}` };
    this.#volumes = new Informer({ client, resource: PersistentVolume, scope, logger });
    this.#loop = new Loop({
      ...{ name: 'local-volumes', step: () => this.#removeDeleted(), intervalMs: lookAgainMs, logger },
      backoff: { baseMs: 500, maxMs: 30_000 },
    });
  }

  start(): void {
    this.#volumes.onChange(() => this.#loop.wake());
    this.#volumes.start();
    this.#loop.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#volumes.stop(), this.#loop.stop()]);
  }

  async #removeDeleted(): Promise<void> {
    for (const volume of this.#volumes.cache.list()) {
      const { deletionTimestamp, finalizers = [] } = volume.metadata;
      // Whoever is bound to it comes first.
      if (deletionTimestamp === undefined || finalizers.join() !== localVolumeFinalizer) continue;
      await this.#remove(volume);
    }
  }

  async #remove(volume: PersistentVolume): Promise<void> {
    const { client, claimDirectory, events, logger } = this.#options;
    const { name, resourceVersion } = volume.metadata;
    try {
      if (isProvisioned(volume) && volume.spec.persistentVolumeReclaimPolicy === 'Delete')
        await rm(join(claimDirectory, name), { recursive: true, force: true });
    } catch (error) {
      const message = `what is in it cannot be removed: ${error instanceof Error ? error.message : error}`;
      events.record(volume, { type: 'Warning', reason: 'VolumeFailedDelete', message });
      throw error;
    }
    try {
      const body = { metadata: { finalizers: [], resourceVersion } };
      await client.patch(PersistentVolume, { name }, { type: 'merge', body });
      logger.info({ volume: name }, 'removed a volume');
    } catch (error) {
      // Somebody was faster; its event brings the volume back here.
      if (!hasReason(error, 'NotFound', 'Conflict')) throw error;
    }
  }
}
