/** What both versions of the kernel's control groups have in common: where they are, and how a node's are made. */
import { type Clock, systemClock } from '../../api/meta/clock.ts';
import { type CreateGroup, createGroup } from './group-tools.ts';

export abstract class GroupTree {
  /** Where the hierarchies, or the one there is, are mounted. */
  protected readonly root: string;
  protected readonly clock: Clock;
  /** Those that carry limits. */
  protected abstract readonly controllers: readonly string[];
  readonly #createGroup: CreateGroup;

  constructor(root: string, create: CreateGroup = createGroup, clock: Clock = systemClock) {
    this.root = root;
    this.#createGroup = create;
    this.clock = clock;
  }

  create(path: string): Promise<void> {
    return this.#createGroup(this.controllers, path);
  }
}
