/** Objects as they are (not as tables): by name, or all that selectors leave, in pages. */
import type { AnyObject } from '../api/meta/object-meta.ts';
import type { ObjectKey } from '../client/client.ts';
import type { Session } from './command.ts';
import type { ApiResource } from './discovery.ts';
import { UsageError } from './failure.ts';
import type { Query } from './table-source.ts';
import type { Target } from './target.ts';

/** An object and the resource it came from. */
export interface Fetched {
  resource: ApiResource;
  object: AnyObject;
}

/** Where an object is. */
export interface Located {
  resource: ApiResource;
  key: ObjectKey;
}

/** The objects of a query, all pages of it. */
export async function fetchObjects({ client }: Session, query: Query): Promise<Fetched[]> {
  const { resource, name, namespace, labelSelector, fieldSelector, pageSize = 500 } = query;
  const scope = namespace === undefined ? {} : { namespace };
  if (name !== undefined) return [{ resource, object: await client.get(resource, { ...scope, name }) }];
  const parameters = {
    ...scope,
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
    ...(pageSize > 0 ? { limit: pageSize } : {}),
  };
  const fetched: Fetched[] = [];
  let from: string | undefined;
  do {
    const page = await client.list(resource, {
      ...parameters,
      ...(from === undefined ? {} : { continue: from }),
    });
    for (const object of page.items) fetched.push({ resource, object });
    from = page.metadata.continue || undefined;
  } while (from !== undefined);
  return fetched;
}

export interface SelectionOptions {
  selector?: string;
  fieldSelector?: string;
  all?: boolean;
  allNamespaces?: boolean;
}

/** The objects a command acts on: those named, or those selected. Acting on all must be asked for. Throws UsageError. */
export async function selectedObjects(
  targets: readonly Target[],
  session: Session,
  options: SelectionOptions,
): Promise<Located[]> {
  const lists = await Promise.all(targets.map((target) => selectedOf(target, session, options)));
  return lists.flat();
}

async function selectedOf(
  { resource, names }: Target,
  session: Session,
  { selector, fieldSelector, all, allNamespaces }: SelectionOptions,
): Promise<Located[]> {
  const scope = resource.namespaced && !allNamespaces ? { namespace: session.namespace } : {};
  const selects = selector !== undefined || fieldSelector !== undefined || all === true;
  if (names.length > 0) {
    if (selects) throw new UsageError('names cannot be given together with -l, --field-selector or --all');
    if (allNamespaces)
      throw new UsageError('an object cannot be named across all namespaces: name its namespace (-n)');
    return names.map((name) => ({ resource, key: { ...scope, name } }));
  }
  if (!selects) throw new UsageError(`say which ${resource.plural}: names, -l SELECTOR or --all`);
  const found = await fetchObjects(session, {
    resource,
    ...scope,
    ...(selector === undefined ? {} : { labelSelector: selector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  });
  return found.map(({ object }) => ({ resource, key: keyOfObject(object) }));
}

export function keyOfObject({ metadata: { namespace, name } }: AnyObject): ObjectKey {
  return namespace === undefined ? { name } : { namespace, name };
}
