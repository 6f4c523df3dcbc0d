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
const bindingVerbs: Verbs = { create: bindTask };
const ephemeralVerbs: Verbs = { get: getObject, update: updateObject, patch: patchObject };
const evictionVerbs: Verbs = { create: evict };
const resizeVerbs: Verbs = { get: getObject, update: updateResize, patch: patchResize };
const logVerbs: Verbs = { get: taskLog };
const execVerbs: Verbs = { create: taskExec };
const attachVerbs: Verbs = { create: taskAttach };
const tokenVerbs: Verbs = { create: createToken };
const portForwardVerbs: Verbs = { create: taskPortForward };

export function verbFor({ served, path, verb }: Call): VerbFunction | 'no such subresource' | 'no such verb' {
  const verbs = verbsOf(served.kind, path.subresource);
  return verbs ? (verbs[verb] ?? 'no such verb') : 'no such subresource';
}

function verbsOf(kind: Call['served']['kind'], subresource: string | undefined): Verbs | undefined {
  const runs = kindId(kind) === kindId(names.Task);
  switch (subresource) {
    case undefined:
      return objectVerbs;
    case 'status':
      return kind.statusSubresource ? statusVerbs : undefined;
    case 'scale':
      return kind.scale ? scaleVerbs : undefined;
    case 'binding':
      return runs ? bindingVerbs : undefined;
    case 'ephemeralcontainers':
      return runs ? ephemeralVerbs : undefined;
    case 'eviction':
      return runs ? evictionVerbs : undefined;
    case 'resize':
      return runs ? resizeVerbs : undefined;
    case 'log':
      return runs ? logVerbs : undefined;
    case 'exec':
      return runs ? execVerbs : undefined;
    case 'attach':
      return runs ? attachVerbs : undefined;
    case 'portforward':
      return runs ? portForwardVerbs : undefined;
    case 'token':
      return kindId(kind) === kindId(names.ServiceAccount) ? tokenVerbs : undefined;
    default:
      return undefined;
  }
}
