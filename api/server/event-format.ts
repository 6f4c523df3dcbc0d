/** Watch events as bytes: one line of JSON each, in the form the client asked for. */
import { apiVersionOf } from '../kinds/names.ts';
import type { ApiError } from '../meta/api-error.ts';
import type { Clock } from '../meta/clock.ts';
import type { Revision } from '../store/store.ts';
import type { CachedObject } from './cached-object.ts';
import type { ServedKind } from './kind-table.ts';
import type { Representation } from './negotiate.ts';
import { partialMetadata, tableOf } from './table.ts';

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

export interface EventFormat {
  /** Watchers of equal id share their frames; undefined: this format is for one watcher alone. */
  shareId: string | undefined;
  frame(type: EventType, object: CachedObject): Buffer;
}

export function eventFormat(served: ServedKind, representation: Representation, clock: Clock): EventFormat {
  switch (representation.type) {
    case 'table':
      return tableFormat(served, representation, clock);
    case 'metadata': {
      const { version } = representation;
      return {
        shareId: `metadata/${version}`,
        frame: (type, object) =>
          line(
            type,
            Buffer.from(JSON.stringify(partialMetadata(object.inVersion(served.kind).parse(), version))),
          ),
      };
    }
    default:
      return { shareId: 'json', frame: (type, object) => line(type, object.inVersion(served.kind).bytes) };
  }
}

/** One-row tables; only the first one of a watch names the columns. */
function tableFormat(
  served: ServedKind,
  { version, includeObject }: Extract<Representation, { type: 'table' }>,
  clock: Clock,
): EventFormat {
  let withColumns = true;
  return {
    shareId: undefined,
    frame(type, object) {
      const table = tableOf(served, [object.inVersion(served.kind).parse()], {
        version,
        includeObject,
        nowMs: clock.now(),
        withColumns,
        listMeta: { resourceVersion: String(object.revision) },
      });
      withColumns = false;
      return line(type, Buffer.from(JSON.stringify(table)));
    },
  };
}

const lineEnd = Buffer.from('}\n');
const lineStarts = Object.fromEntries(
  ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR'].map((type) => [
    type,
    Buffer.from(`{"type":"${type}","object":`),
  ]),
) as Record<EventType | 'BOOKMARK' | 'ERROR', Buffer>;

function line(type: EventType | 'BOOKMARK' | 'ERROR', object: Buffer): Buffer {
  return Buffer.concat([lineStarts[type], object, lineEnd]);
}

export function bookmarkFrame({ kind }: ServedKind, revision: Revision, initialEventsEnd = false): Buffer {
  const metadata = {
    resourceVersion: String(revision),
    creationTimestamp: null,
    ...(initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
  };
  return line(
    'BOOKMARK',
    Buffer.from(JSON.stringify({ kind: kind.kind, apiVersion: apiVersionOf(kind), metadata })),
  );
}

export function errorFrame(error: ApiError): Buffer {
  return line('ERROR', Buffer.from(JSON.stringify(error.toStatus())));
}
