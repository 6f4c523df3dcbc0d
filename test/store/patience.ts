/** Waiting for real servers without guessing how long they take. */
import { systemClock } from '../../api/meta/clock.ts';
import type { Revision, Store } from '../../api/store/store.ts';

/** Resolves when the key exists. */
export function untilExists(from: Store, key: string): Promise<void> {
  return new Promise((resolve, reject) => {
    void from.list('').then(({ revision }) => {
      const watch = from.watch(key, revision, {
        onEvents: () => {
          watch.cancel();
          resolve();
        },
        onError: reject,
      });
    }, reject);
  });
}

/** Tries until it works; every failed try waits for a network answer, so this is no busy loop. */
export async function eventually<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch {
      await new Promise((resolve) => systemClock.after(20, () => resolve(undefined)));
    }
  }
}

/** Clients that ask again when a read fails: reads have no outcome to be unsure of. */
export function tolerant(inner: Store): Store {
  return new Proxy(inner, {
    get(target, name) {
      if (name === 'get') return (key: string) => eventually(() => target.get(key));
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** The revisions that are missing or come twice, of `count` from `first` on. */
export function gaps(seen: readonly Revision[], first: Revision, count: number): Revision[] {
  const times = new Map<Revision, number>();
  for (const revision of seen) times.set(revision, (times.get(revision) ?? 0) + 1);
  return Array.from({ length: count }, (_, at) => first + at).filter((at) => times.get(at) !== 1);
}
