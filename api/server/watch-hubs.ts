/** The watch hubs of all kinds that somebody has watched, and the loop that sends their bookmarks. */
import type { AnyKind } from '../kinds/define-kind.ts';
import type { Clock } from '../meta/clock.ts';
import type { Logger } from '../meta/logger.ts';
import { Loop } from '../meta/loop.ts';
import { kindId } from './keys.ts';
import type { ServedKind } from './kind-table.ts';
import type { WatchCache } from './watch-cache.ts';
import { WatchHub } from './watch-hub.ts';

const bookmarkIntervalMs = 10_000;

/** Every version and every view of a kind has its own frames. */
function hubId({ group, plural, version }: AnyKind): string {
  return `${kindId({ group, plural })}/${version}`;
}

export class WatchHubs {
  readonly #cache: WatchCache;
  readonly #clock: Clock;
  readonly #hubs = new Map<string, WatchHub>();
  readonly #bookmarks: Loop;

  constructor({ cache, clock, logger }: { cache: WatchCache; clock: Clock; logger: Logger }) {
    this.#cache = cache;
    this.#clock = clock;
    this.#bookmarks = new Loop({
      name: 'watch-bookmarks',
      step: async () => {
        for (const hub of this.#hubs.values()) hub.bookmark(cache.revision);
      },
      intervalMs: bookmarkIntervalMs,
      clock,
      logger,
    });
  }

  start(): void {
    this.#bookmarks.start();
  }

  of(served: ServedKind): WatchHub {
    const id = hubId(served.kind);
    let hub = this.#hubs.get(id);
    if (!hub) this.#hubs.set(id, (hub = new WatchHub(served, this.#cache.kind(served.kind), this.#clock)));
    return hub;
  }

  /** How many watches of each kind are open. */
  *counts(): Generator<[kindId: string, watchers: number]> {
    for (const [id, hub] of this.#hubs) yield [id.slice(0, id.lastIndexOf('/')), hub.watchers];
  }

  /** Ends the watches of a kind that is no longer served, or no longer as it was. */
  end(kind: AnyKind): void {
    const id = hubId(kind);
    this.#hubs.get(id)?.close();
    this.#hubs.delete(id);
  }

  /** Ends every watch, cleanly. */
  async close(): Promise<void> {
    for (const hub of this.#hubs.values()) hub.close();
    await this.#bookmarks.stop();
  }
}
