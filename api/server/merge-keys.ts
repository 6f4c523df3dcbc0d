/**
 * Which lists a strategic merge patch merges item by item, and by which key: those whose schema says so with
 * `x-kubernetes-patch-strategy` and `x-kubernetes-patch-merge-key`. kubectl reads the same words in OpenAPI, and so
 * sees that an unchanged manifest is unchanged, whatever defaults the server has put into its lists. All other
 * lists are replaced as a whole (a Node's taints, too).
 */
import type { AnyKind } from '../kinds/define-kind.ts';
import { type KindNames, names } from '../kinds/names.ts';
import type { JsonSchema } from './json-schema.ts';

/** Paths of lists, with the member that tells items apart; '' for lists of plain values. */
export type MergeKeys = Readonly<Record<string, string>>;

/** As in Kubernetes, custom kinds are patched with merge patches only. */
export function takesStrategicPatch({ group, kind }: Pick<KindNames, 'group' | 'kind'>): boolean {
  return Object.values<KindNames>(names).some((each) => each.group === group && each.kind === kind);
}

export function mergeKeysOf({ schema }: Pick<AnyKind, 'schema'>): MergeKeys {
  return Object.fromEntries(mergedLists(schema as JsonSchema, ''));
}

function* mergedLists(schema: JsonSchema, path: string): Generator<[path: string, key: string]> {
  const { items, properties = {} } = schema;
  if (schema['x-kubernetes-patch-strategy'] === 'merge')
    yield [path, String(schema['x-kubernetes-patch-merge-key'] ?? '')];
  if (items) yield* mergedLists(items, path);
  for (const [name, member] of Object.entries(properties))
    yield* mergedLists(member, path === '' ? name : `${path}.${name}`);
}
