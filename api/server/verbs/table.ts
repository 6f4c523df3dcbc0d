/** Which function answers which verb on which subresource. One table for all kinds. */
import { names } from '../../kinds/names.ts';
import type { Verb } from '../authorize.ts';
import type { Call } from '../call.ts';
import { kindId } from '../keys.ts';
import { evict } from '../pods/eviction.ts';
import type { ApiResponse } from '../request.ts';
import { applyObject, applyOr, applyScale } from './apply.ts';
import { createObject } from './create.ts';
import { deleteCollection, deleteObject } from './delete.ts';
import { getObject } from './get.ts';
import { imagePeers } from './image-peers.ts';
import { listObjects } from './list.ts';
import { taskLog } from './log.ts';
import { bindTask } from './plan.ts';
import { patchResize, updateResize } from './resize.ts';
import { getScale, patchScale, updateScale } from './scale.ts';
import { taskAttach, taskExec, taskPortForward } from './stream.ts';
import { createToken } from './token.ts';
import { patchObject, updateObject } from './update.ts';
import { watchObjects } from './watch.ts';

export type VerbFunction = (call: Call) => Promise<ApiResponse>;
type Verbs = Partial<Record<Verb, VerbFunction>>;

const patchOrApply = applyOr(applyObject, patchObject);
const objectVerbs: Verbs = {
  get: getObject,
  list: listObjects,
  watch: watchObjects,
  create: createObject,
  update: updateObject,
  patch: patchOrApply,
  delete: deleteObject,
  deletecollection: deleteCollection,
};
const statusVerbs: Verbs = { get: getObject, update: updateObject, patch: patchOrApply };
const scaleVerbs: Verbs = { get: getScale, update: updateScale, patch: applyOr(applyScale, patchScale) };
const tokenVerbs: Verbs = { create: createToken };

/** What only a task has: it runs. */
const taskSubresources: ReadonlyMap<string, Verbs> = new Map<string, Verbs>([
  ['binding', { create: bindTask }],
  ['ephemeralcontainers', { get: getObject, update: updateObject, patch: patchObject }],
  ['eviction', { create: evict }],
  ['resize', { get: getObject, update: updateResize, patch: patchResize }],
  ['log', { get: taskLog }],
  ['exec', { create: taskExec }],
  ['attach', { create: taskAttach }],
  ['portforward', { create: taskPortForward }],
]);

export function verbFor({ served, path, verb }: Call): VerbFunction | 'no such subresource' | 'no such verb' {
  const verbs = verbsOf(served.kind, path.subresource);
  return verbs ? (verbs[verb] ?? 'no such verb') : 'no such subresource';
}

function verbsOf(kind: Call['served']['kind'], subresource: string | undefined): Verbs | undefined {
  switch (subresource) {
    case undefined:
      return objectVerbs;
    case 'status':
      return kind.statusSubresource ? statusVerbs : undefined;
    case 'scale':
      return kind.scale ? scaleVerbs : undefined;
    case 'token':
      return kindId(kind) === kindId(names.ServiceAccount) ? tokenVerbs : undefined;
    case 'imagepeers':
      return kindId(kind) === kindId(names.Node) ? { get: imagePeers } : undefined;
    default:
      return kindId(kind) === kindId(names.Task) ? taskSubresources.get(subresource) : undefined;
  }
}
