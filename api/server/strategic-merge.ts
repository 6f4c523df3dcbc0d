/**
 * Strategic merge patches, as kubectl sends them for core kinds: merge patches in which some lists are merged
 * element by element, with directives in keys that begin with `$`. What Kubernetes writes into its types
 * as patchMergeKey is the table here.
 *
 *   $patch: delete | replace                  of an element or an object
 *   $setElementOrder/<list>: [...]            the order of a merged list
 *   $deleteFromPrimitiveList/<list>: [...]    takes words out of a list of words
 *   $retainKeys: [...]                        all other fields of the object go
 */
import { ApiError } from '../meta/api-error.ts';
import { isJsonObject, type JsonObject } from './json-schema.ts';

const mergeKeys: Readonly<Record<string, string>> = {
  conditions: 'type',
  addresses: 'type',
  ownerReferences: 'uid',
  containers: 'name',
  initContainers: 'name',
  ephemeralContainers: 'name',
  volumes: 'name',
  env: 'name',
  imagePullSecrets: 'name',
  volumeMounts: 'mountPath',
};
/** Of containers and of services. */
const portKeys = ['containerPort', 'port'] as const;
const mergedWordLists = new Set(['finalizers']);
const order = '$setElementOrder/';
const deletion = '$deleteFromPrimitiveList/';

/** Shares no structure it changes with `target`. Throws ApiError BadRequest for directives that make no sense. */
export function strategicMerge(target: unknown, patch: JsonObject): JsonObject {
  const { $patch: directive, $retainKeys: retained, ...fields } = patch;
  if (directive === 'replace') return fields;
  if (directive !== undefined && directive !== 'merge')
    throw new ApiError(
      'BadRequest',
      `$patch: ${JSON.stringify(directive)} cannot be done to an object that is no element of a list`,
    );
  const result: JsonObject = isJsonObject(target) ? { ...target } : {};
  if (Array.isArray(retained))
    for (const name of Object.keys(result)) if (!retained.includes(name)) delete result[name];
  for (const [name, value] of Object.entries(fields)) {
    if (name.startsWith('$')) continue;
    if (value === null) delete result[name];
    else result[name] = mergeField(name, result[name], value);
  }
  for (const [name, value] of Object.entries(fields)) {
    if (name.startsWith('$')) applyDirective(result, name, listOf(name, value));
  }
  return result;
}

function mergeField(name: string, old: unknown, value: unknown): unknown {
  if (isJsonObject(value)) return strategicMerge(old, value);
  if (!Array.isArray(value)) return value;
  if (mergedWordLists.has(name)) return [...new Set([...(Array.isArray(old) ? old : []), ...value])];
  const key = mergeKeyOf(name, value);
  return key === undefined ? value : mergeElements(Array.isArray(old) ? old : [], value, key);
}

function mergeKeyOf(name: string, elements: readonly unknown[]): string | undefined {
  if (name === 'ports')
    return portKeys.find((key) => elements.some((element) => isJsonObject(element) && key in element));
  return Object.hasOwn(mergeKeys, name) ? mergeKeys[name] : undefined;
}

function mergeElements(old: readonly unknown[], patches: readonly unknown[], key: string): unknown[] {
  if (patches.some((patch) => isJsonObject(patch) && patch['$patch'] === 'replace'))
    return patches.filter((patch) => isJsonObject(patch) && patch['$patch'] === undefined);
  const result = [...old];
  for (const patch of patches) {
    if (!isJsonObject(patch) || patch[key] === undefined)
      throw new ApiError('BadRequest', `an element of the patch lacks ${key}, by which the list is merged`);
    const at = result.findIndex((element) => isJsonObject(element) && element[key] === patch[key]);
    if (patch['$patch'] === 'delete') {
      if (at >= 0) result.splice(at, 1);
    } else if (at >= 0) result[at] = strategicMerge(result[at], patch);
    else result.push(strategicMerge({}, patch));
  }
  return result;
}

function applyDirective(result: JsonObject, directive: string, words: readonly unknown[]): void {
  if (directive.startsWith(deletion)) {
    const name = directive.slice(deletion.length);
    const list = result[name];
    if (Array.isArray(list)) result[name] = list.filter((word) => !words.includes(word));
    return;
  }
  if (!directive.startsWith(order))
    throw new ApiError('BadRequest', `the directive ${directive.slice(0, 100)} is not known`);
  const name = directive.slice(order.length);
  const list = result[name];
  if (!Array.isArray(list)) return;
  const key = mergeKeyOf(name, words);
  const place = (element: unknown): number =>
    words.findIndex((word) =>
      key === undefined
        ? word === element
        : isJsonObject(word) && isJsonObject(element) && word[key] === element[key],
    );
  // What the sender did not know of stays behind what it knew of.
  const last = words.length;
  const rank = (element: unknown): number => (place(element) < 0 ? last : place(element));
  result[name] = [...list].sort((left, right) => rank(left) - rank(right));
}

function listOf(directive: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new ApiError('BadRequest', `${directive.slice(0, 100)} must be a list`);
}
