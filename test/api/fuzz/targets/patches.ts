/** JSON pointers and the three kinds of patch, on one Node: refused, or applied as a slow reading of the standard says. */
import { anyKind } from '../../../../api/kinds/define-kind.ts';
import { nodeKind } from '../../../../api/kinds/node.ts';
import { ApiError } from '../../../../api/meta/api-error.ts';
import type { AnyObject } from '../../../../api/meta/object-meta.ts';
import { decodeJson, maxDepth } from '../../../../api/server/decode-body.ts';
import { pointerSegments } from '../../../../api/server/json-patch.ts';
import { applyPatch, mergePatch, patchTypes } from '../../../../api/server/patch.ts';
import { requireSame, type Target } from '../fuzzer.ts';

const node = anyKind(nodeKind);
const live = (): AnyObject => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'n1', labels: { a: '1', 'b/c': '2' }, finalizers: ['a.b/c', 'a.b/d'] },
  spec: {
    taints: [
      { key: 'a', effect: 'NoSchedule' },
      { key: 'b', value: 'x', effect: 'NoExecute' },
    ],
    list: [1, [2], {}],
  },
  status: {
    conditions: [{ type: 'Ready', status: 'True' }],
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
  },
});

const words = [
  ...[
    'metadata',
    'labels',
    'spec',
    'taints',
    'status',
    'conditions',
    'finalizers',
    'key',
    'effect',
    'type',
    'Ready',
    'list',
  ],
  ...['op', 'path', 'from', 'value', 'add', 'remove', 'replace', 'move', 'copy', 'test'],
  ...[
    '/spec',
    '/spec/taints/0',
    '/spec/taints/-',
    '/spec/list/1/0',
    '/metadata/labels/b~1c',
    '/~0',
    '/a~2',
    '~1',
    '0',
    '-',
    '01',
  ],
  ...[
    '$patch',
    'delete',
    'replace',
    'merge',
    '$retainKeys',
    '$setElementOrder/taints',
    '$deleteFromPrimitiveList/finalizers',
    '$setElementOrder/finalizers',
  ],
  ...['a', 'b', 'a.b/c', '__proto__', 'constructor', 'prototype'],
];

/** Applies the patch twice to the same live object: it must not be changed, and the answers must be the same. */
function applied(type: string, patch: unknown): AnyObject {
  const before = live();
  const result = applyPatch(type, patch, before, node);
  requireSame('the object the patch was applied to', before, live());
  requireSame('the patch applied again', applyPatch(type, patch, live(), node), result);
  requirePlain(result);
  return result;
}

function requirePlain(value: unknown, depth = 0): void {
  if (typeof value !== 'object' || value === null) return;
  if (depth > maxDepth + 2) throw new Error('the result is too deep');
  const expected = Array.isArray(value) ? Array.prototype : Object.prototype;
  if (Object.getPrototypeOf(value) !== expected) throw new Error('the result has another prototype');
  if (Object.keys(Object.prototype).length > 0) throw new Error('the prototype of all objects was changed');
  for (const member of Object.values(value)) requirePlain(member, depth + 1);
}

const body = (input: string): unknown => decodeJson(Buffer.from(input, 'latin1'));

export const jsonPatch: Target = {
  name: 'json-patch',
  words,
  check: (input) => void applied(patchTypes.json, body(input)),
};

export const mergePatchTarget: Target = {
  name: 'merge-patch',
  words,
  check(input) {
    const patch = body(input);
    const result = applied(patchTypes.merge, patch);
    requireSame('the algorithm of RFC 7386', result, rfc7386(live(), patch));
    requireSame('the patch applied to its own result', mergePatch(result, patch), result);
  },
};

/** Word for word, section 2. */
function rfc7386(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result = (
    typeof target === 'object' && target !== null && !Array.isArray(target) ? target : {}
  ) as Record<string, unknown>;
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name];
    else result[name] = rfc7386(result[name], value);
  }
  return result;
}

export const strategicPatch: Target = {
  name: 'strategic-patch',
  words,
  check: (input) => void applied(patchTypes.strategic, body(input)),
};

export const jsonPointer: Target = {
  name: 'json-pointer',
  words: [
    '/',
    '~0',
    '~1',
    '~',
    '/spec',
    '/taints',
    '/0',
    '/-',
    '/01',
    '/labels',
    'b~1c',
    '/metadata',
    '/__proto__',
    '/constructor',
    '',
    ' ',
  ],
  check(input) {
    const { found, value } = lookup(live(), input);
    const patch = [{ op: 'test', path: input, value: found ? value : 'nothing' }];
    const answer = outcome(() => applyPatch(patchTypes.json, patch, live(), node));
    if (answer === 'BadRequest') return;
    requireSame(`a test of what is at ${JSON.stringify(input)}`, answer, found ? 'done' : 'Invalid');
    const segments = pointerSegments(input).map((each) => each.replaceAll('~', '~0').replaceAll('/', '~1'));
    requireSame('the pointer written again', segments.map((each) => `/${each}`).join(''), input);
  },
};

function outcome(act: () => unknown): string {
  try {
    act();
    return 'done';
  } catch (error) {
    if (error instanceof ApiError) return error.reason;
    throw error;
  }
}

/** RFC 6901, section 4, one character at a time. */
function lookup(root: unknown, pointer: string): { found: boolean; value?: unknown } {
  let value = root;
  for (const part of pointer.split('/').slice(1)) {
    let name = '';
    for (let at = 0; at < part.length; at++)
      if (part[at] !== '~') name += part[at];
      else name += part[++at] === '1' ? '/' : '~';
    if (typeof value !== 'object' || value === null) return { found: false };
    if (Array.isArray(value) && !/^(0|[1-9]\d*)$/.test(name)) return { found: false };
    if (!Object.hasOwn(value, name)) return { found: false };
    value = (value as Record<string, unknown>)[name];
  }
  return { found: true, value };
}
