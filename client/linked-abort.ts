/**
 * An AbortController that also aborts with its parent. Unlike `AbortSignal.any` it can be let go of, so
 * short-lived work under a signal that lives as long as the process leaves nothing behind.
 */
export class LinkedAbort {
  readonly #controller = new AbortController();
  readonly #parent: AbortSignal | undefined;
  readonly #follow = (): void => this.abort(this.#parent?.reason);

  constructor(parent?: AbortSignal) {
    this.#parent = parent;
    if (parent?.aborted) this.#follow();
    else parent?.addEventListener('abort', this.#follow, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason?: unknown): void {
    this.#controller.abort(reason);
  }

  /** Lets go of the parent; call it when the work is over. */
  release(): void {
    this.#parent?.removeEventListener('abort', this.#follow);
  }
}
