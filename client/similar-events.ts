/**
 * Tells when an object has said too many different things of one kind lately, so that from then on they are
 * told as one Event with a count (client-go's EventAggregator). Bounded in memory.
 */
import type { Clock } from '../api/meta/clock.ts';
import { RecentMap } from './recent-map.ts';

export interface SimilarEventsOptions {
  clock: Clock;
  /** So many different messages of one group within `windowMs` of each other are too many. */
  most: number;
  windowMs: number;
}

interface Group {
  messages: Set<string>;
  lastMs: number;
}

const maxGroups = 4096;

export class SimilarEvents {
  readonly #options: SimilarEventsOptions;
  readonly #groups = new RecentMap<string, Group>(maxGroups);

  constructor(options: SimilarEventsOptions) {
    this.#options = options;
  }

  /** Whether this message is to be told together with the others of its group. */
  areMany(group: string, message: string): boolean {
    const { clock, most, windowMs } = this.#options;
    const nowMs = clock.monotonicMs();
    const known = this.#groups.get(group);
    const messages = known && nowMs - known.lastMs <= windowMs ? known.messages : new Set<string>();
    this.#groups.set(group, { messages, lastMs: nowMs });
    messages.add(message);
    if (messages.size < most) return false;
    const [first] = messages;
    if (first !== undefined) messages.delete(first);
    return true;
  }
}
