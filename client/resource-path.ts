/** Where a resource is on the wire: `/apis/<group>/<version>/namespaces/<ns>/<plural>/<name>/<subresource>`. */
import { defaultNamespace, type KindNames } from '../api/kinds/names.ts';

type Named = Pick<KindNames, 'group' | 'version' | 'plural' | 'namespaced'>;

export type Query = Record<string, string | number | boolean | undefined>;

/** The path of a collection; of a namespaced kind without `namespace`: across all namespaces. */
export function collectionPath({ group, version, plural, namespaced }: Named, namespace?: string): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const scope = namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${plural}`;
}

/** The path of one object; of a namespaced kind without `namespace`: in `default`. */
export function objectPath(
  resource: Named,
  { namespace = defaultNamespace, name }: { namespace?: string; name: string },
  subresource?: string,
): string {
  const path = `${collectionPath(resource, namespace)}/${encodeURIComponent(name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

/** Appends the parameters that have a value. */
export function withQuery(path: string, query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text === '' ? path : `${path}?${text}`;
}
