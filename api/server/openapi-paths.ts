/**
 * The path items of a kind: which operations exist and which query parameters they take. kubectl reads
 * from them whether the server validates fields (`fieldValidation`) and supports dry runs.
 */
import type { AnyKind } from '../kinds/define-kind.ts';
import type { JsonSchema } from './json-schema.ts';
import { takesStrategicPatch } from './merge-keys.ts';
import { patchTypes } from './patch.ts';

type Action = 'list' | 'get' | 'post' | 'put' | 'patch' | 'delete' | 'deletecollection';

const methodOf: Record<Action, string> = {
  list: 'get',
  get: 'get',
  post: 'post',
  put: 'put',
  patch: 'patch',
  delete: 'delete',
  deletecollection: 'delete',
};

const operationWords: Record<Action, string> = {
  list: 'list',
  get: 'read',
  post: 'create',
  put: 'replace',
  patch: 'patch',
  delete: 'delete',
  deletecollection: 'deleteCollection',
};

export function openApiPaths(kind: AnyKind, definition: string): Record<string, object> {
  const root = kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  const collection = kind.namespaced
    ? `${root}/namespaces/{namespace}/${kind.plural}`
    : `${root}/${kind.plural}`;
  const scope = kind.namespaced ? [pathParameter('namespace')] : [];
  const object = [...scope, pathParameter('name')];
  const isReadOnly = kind.verbs !== undefined;
  const onAll: Action[] = isReadOnly ? ['list'] : ['list', 'post', 'deletecollection'];
  const onOne: Action[] = isReadOnly ? ['get'] : ['get', 'put', 'patch', 'delete'];
  return {
    [collection]: pathItem(kind, definition, onAll, scope),
    [`${collection}/{name}`]: pathItem(kind, definition, onOne, object),
    ...(kind.statusSubresource
      ? { [`${collection}/{name}/status`]: pathItem(kind, definition, ['get', 'put', 'patch'], object) }
      : {}),
  };
}

function pathItem(kind: AnyKind, definition: string, actions: Action[], parameters: object[]): object {
  const operations = actions.map((action) => [methodOf[action], operation(kind, definition, action)]);
  return { ...Object.fromEntries(operations), parameters };
}

function operation(kind: AnyKind, definition: string, action: Action): object {
  const content = { 'application/json': { schema: { $ref: `#/components/schemas/${definition}` } } };
  return {
    operationId: `${operationWords[action]}${kind.kind}`,
    description: `${operationWords[action]} ${kind.plural}`,
    parameters: queryParameters(action),
    ...requestBody(kind, action, content),
    responses: { '200': { description: 'OK', content }, '401': { description: 'Unauthorized' } },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': { group: kind.group, version: kind.version, kind: kind.kind },
  };
}

function requestBody(kind: AnyKind, action: Action, content: object): object {
  if (action === 'post' || action === 'put') return { requestBody: { content, required: true } };
  if (action !== 'patch') return {};
  const types = [
    patchTypes.json,
    patchTypes.merge,
    patchTypes.apply,
    ...(takesStrategicPatch(kind) ? [patchTypes.strategic] : []),
  ];
  const patchContent = Object.fromEntries(types.map((type) => [type, { schema: { type: 'object' } }]));
  return { requestBody: { content: patchContent, required: true } };
}

function queryParameters(action: Action): object[] {
  switch (action) {
    case 'post':
    case 'put':
      return writeParameters;
    case 'patch':
      return [...writeParameters, query('force', 'Take conflicting fields over.', 'boolean')];
    case 'list':
    case 'deletecollection':
      return listParameters;
    default:
      return [];
  }
}

const writeParameters = [
  query('dryRun', 'All: check and answer, but store nothing.'),
  query('fieldManager', 'Who makes this change.'),
  query('fieldValidation', 'What to do about unknown fields: Ignore, Warn or Strict.'),
];

const listParameters = [
  query('labelSelector', 'Only objects whose labels match.'),
  query('fieldSelector', 'Only objects whose fields match.'),
  query('limit', 'At most so many objects; the rest is fetched with continue.', 'integer'),
  query('continue', 'Where the page before ended.'),
  query('resourceVersion', 'How new the answer must be.'),
  query('watch', 'Stream changes instead of answering once.', 'boolean'),
];

function query(name: string, description: string, type = 'string'): object {
  return { name, in: 'query', description, schema: { type, uniqueItems: true } satisfies JsonSchema };
}

function pathParameter(name: string): object {
  return {
    name,
    in: 'path',
    required: true,
    description: `The ${name}.`,
    schema: { type: 'string', uniqueItems: true },
  };
}
