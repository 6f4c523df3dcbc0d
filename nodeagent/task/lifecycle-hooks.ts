/**
 * The lifecycle hooks under way in one task. They run beside the runner's turns, which must not wait for
 * them; the runner looks for their outcomes when it is woken.
 *
 * Invariant: a hook is begun once per container and agent; a new agent begins those again whose end it does
 * not know of.
 */
import type { Container } from '../../api/kinds/task-spec.ts';
import type { Clock } from '../../api/meta/clock.ts';
import { type Outcome, runHandler, type TaskPlace } from '../probes/handler.ts';
import type { Runtime } from '../runtime/runtime.ts';

export type HookName = 'postStart' | 'preStop';

export interface LifecycleHooksOptions {
  runtime: Pick<Runtime, 'run'>;
  place: () => TaskPlace;
  /** An outcome is there. */
  onEnd: () => void;
  clock: Clock;
}

interface HookRun {
  abort: AbortController;
  ended: Promise<void>;
  outcome?: Outcome;
}

export class LifecycleHooks {
  readonly #options: LifecycleHooksOptions;
  /** By `<container id> <hook>`. */
  readonly #runs = new Map<string, HookRun>();

  constructor(options: LifecycleHooksOptions) {
    this.#options = options;
  }

  /** Begins the hook if it has not been begun; gives its outcome when it is over. */
  run(name: HookName, cid: string, { container, timeoutMs }: { container: Container; timeoutMs: number }) {
    const key = `${cid} ${name}`;
    const known = this.#runs.get(key);
    if (known) return known.outcome;
    const { runtime, place, clock, onEnd } = this.#options;
    const abort = new AbortController();
    const target = { container, cid, ...place(), runtime };
    const hook = container.lifecycle?.[name] ?? {};
    const run: HookRun = {
      abort,
      ended: runHandler(hook, target, { timeoutMs, clock, signal: abort.signal }).then((outcome) => {
        run.outcome = outcome;
        onEnd();
      }),
    };
    this.#runs.set(key, run);
    return undefined;
  }

  /** Gives up the hooks of containers that are no more. */
  keepOnly(cids: ReadonlySet<string>): void {
    for (const [key, { abort }] of this.#runs) {
      if (cids.has(key.slice(0, key.indexOf(' ')))) continue;
      abort.abort();
      this.#runs.delete(key);
    }
  }

  async stop(): Promise<void> {
    const runs = [...this.#runs.values()];
    for (const { abort } of runs) abort.abort();
    await Promise.all(runs.map(({ ended }) => ended));
  }
}
