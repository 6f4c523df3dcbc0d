/**
 * A client with a hand on every call: the fence of a controller that may no longer write, and the fault
 * injection of tests, are both one function put around the real client.
 */
import type { Resource } from '../api/kinds/resources.ts';
import type { KubeObject } from '../api/meta/object-meta.ts';
import type { Client, ObjectKey } from './client.ts';

export type Verb =
  | 'get'
  | 'list'
  | 'watch'
  | 'create'
  | 'update'
  | 'updateStatus'
  | 'patch'
  | 'delete'
  | 'commit'
  | 'raw'
  | 'stream';

export interface ClientCall {
  verb: Verb;
  /** May change something on the server. */
  writes: boolean;
  resource?: Resource<KubeObject>;
  key?: Partial<ObjectKey>;
  /** For `raw` and `stream`. */
  path?: string;
}

export interface Interception {
  /** Around every call with one answer: run `proceed`, or not, or more than once. */
  call?: <R>(call: ClientCall, proceed: () => Promise<R>) => Promise<R>;
  /** Around `watch` and `stream`. */
  stream?: <R>(call: ClientCall, open: () => AsyncIterable<R>) => AsyncIterable<R>;
}

export function interceptClient(inner: Client, interception: Interception): Client {
  const around = interception.call ?? ((_call, proceed) => proceed());
  const aroundStream = interception.stream ?? ((_call, open) => open());
  const read = (verb: Verb, resource?: Resource<KubeObject>, key?: Partial<ObjectKey>): ClientCall => ({
    verb,
    writes: false,
    ...(resource ? { resource } : {}),
    ...(key ? { key } : {}),
  });
  const write: typeof read = (...call) => ({ ...read(...call), writes: true });
  return {
    get: (resource, key, parameters) =>
      around(read('get', resource, key), () => inner.get(resource, key, parameters)),
    list: (resource, parameters) => around(read('list', resource), () => inner.list(resource, parameters)),
    watch: (resource, parameters) =>
      aroundStream(read('watch', resource), () => inner.watch(resource, parameters)),
    create: (resource, draft, parameters) =>
      around(write('create', resource, draft.metadata), () => inner.create(resource, draft, parameters)),
    update: (resource, object, parameters) =>
      around(write('update', resource, object.metadata), () => inner.update(resource, object, parameters)),
    updateStatus: (resource, object, parameters) =>
      around(write('updateStatus', resource, object.metadata), () =>
        inner.updateStatus(resource, object, parameters),
      ),
    patch: (resource, key, patch, parameters) =>
      around(write('patch', resource, key), () => inner.patch(resource, key, patch, parameters)),
    delete: (resource, key, parameters) =>
      around(write('delete', resource, key), () => inner.delete(resource, key, parameters)),
    commit: (plan) => around(write('commit'), () => inner.commit(plan)),
    raw: (path, options) => {
      const writes = options?.method !== undefined && options.method !== 'GET';
      return around({ verb: 'raw', writes, path }, () => inner.raw(path, options));
    },
    stream: (path, signal) =>
      aroundStream({ verb: 'stream', writes: false, path }, () => inner.stream(path, signal)),
  };
}

/** A client whose writes run `check` first; what it throws is the answer. */
export function fencedClient(client: Client, check: () => void): Client {
  return interceptClient(client, {
    call: async (call, proceed) => {
      if (call.writes) check();
      return proceed();
    },
  });
}
