/**
 * Waits until something is true of one object, or of its absence: a read, then a watch from there, again
 * when the watch ends. What `wait`, `delete` and `logs` stand on.
 */

import type { Resource } from '../api/kinds/resources.ts';
import { ApiError, hasReason } from '../api/meta/api-error.ts';
import { type Clock, sleep } from '../api/meta/clock.ts';
import type { KubeObject } from '../api/meta/object-meta.ts';
import type { Client, ObjectKey } from '../client/client.ts';

export interface WaitOptions {
  clock: Clock;
  /** Infinity waits for ever. */
  timeoutMs: number;
  signal: AbortSignal;
  /** Who waits for what, for the error: `condition Ready of job/web`. */
  waitingFor: string;
}

/** `undefined` while the object does not exist. May throw (NotFound, not Gone: that means a stale version) to give up. */
export type Predicate<T> = (object: T | undefined) => boolean;

export interface WaitTarget<T extends KubeObject> {
  resource: Resource<T>;
  key: ObjectKey;
}

const pauseMs = 250;

/** Resolves with what made `predicate` true. Throws ApiError Timeout. With a timeout of 0 it looks once. */
export async function waitForObject<T extends KubeObject>(
  client: Client,
  target: WaitTarget<T>,
  predicate: Predicate<T>,
  options: WaitOptions,
): Promise<T | undefined> {
  const { clock, timeoutMs, signal, waitingFor } = options;
  const deadline = new AbortController();
  const timer = Number.isFinite(timeoutMs) ? clock.after(timeoutMs, () => deadline.abort()) : undefined;
  const ended = AbortSignal.any([signal, deadline.signal]);
  try {
    do {
      const result = await watchOnce(client, target, predicate, { signal, ended });
      if (result) return result.object;
      await sleep(clock, pauseMs, ended);
    } while (!ended.aborted);
  } finally {
    timer?.cancel();
  }
  throw new ApiError(
    'Timeout',
    signal.aborted ? `interrupted while waiting for ${waitingFor}` : `timed out waiting for ${waitingFor}`,
  );
}

/** Undefined when the watch ended before the predicate held. */
async function watchOnce<T extends KubeObject>(
  client: Client,
  { resource, key }: WaitTarget<T>,
  predicate: Predicate<T>,
  { signal, ended }: { signal: AbortSignal; ended: AbortSignal },
): Promise<{ object: T | undefined } | undefined> {
  const scope = key.namespace === undefined ? {} : { namespace: key.namespace };
  const fieldSelector = `metadata.name=${key.name}`;
  try {
    const { items, metadata } = await client.list(resource, { ...scope, fieldSelector, signal });
    if (predicate(items[0])) return { object: items[0] };
    const { resourceVersion } = metadata;
    for await (const event of client.watch(resource, {
      ...scope,
      fieldSelector,
      resourceVersion,
      signal: ended,
    })) {
      if (event.type === 'BOOKMARK') continue;
      const object = event.type === 'DELETED' ? undefined : event.object;
      if (predicate(object)) return { object };
    }
  } catch (error) {
    // The kind itself is gone, and all its objects with it.
    if (hasReason(error, 'NotFound') && predicate(undefined)) return { object: undefined };
    if (!ended.aborted && !hasReason(error, 'Expired', 'Gone', 'ServiceUnavailable', 'Timeout')) throw error;
  }
  return undefined;
}
