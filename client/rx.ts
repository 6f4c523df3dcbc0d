/**
 * Informers as Observables, for live views (terminal, dashboard). A door of its own, because rxjs is
 * slow to load: nothing else in the SDK imports it. Observables have no back-pressure and end at their
 * first error, so reconcile work belongs into a controller, not into a pipe.
 */
import { map, Observable } from 'rxjs';
import type { KubeObject } from '../api/meta/object-meta.ts';
import type { Change, Informer } from './informer.ts';

/** Every change, after an `added` for each object already there. Never completes. */
export function changesOf<T extends KubeObject>(informer: Informer<T>): Observable<Change<T>> {
  return new Observable((subscriber) => informer.onChange((change) => subscriber.next(change)));
}

/** All objects, again after every change: throttle it with `auditTime` before drawing. */
export function listOf<T extends KubeObject>(informer: Informer<T>): Observable<T[]> {
  return changesOf(informer).pipe(map(() => informer.cache.list()));
}
