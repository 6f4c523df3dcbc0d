import { describe, expect, test } from 'vitest';
import type { AnyKind } from '../../../api/kinds/define-kind.ts';
import { builtinKinds } from '../../../api/kinds/registry.ts';
import { affinityTo } from '../../../api/kinds/volume-names.ts';
import type { AnyObject } from '../../../api/meta/object-meta.ts';
import { authorize, requireAuthorized, type Verb } from '../../../api/server/authorize.ts';
import { nodeRefusal } from '../../../api/server/node-restriction.ts';
import { anonymousUser, type User } from '../../../api/server/user.ts';
import { reasonOf } from '../../reason-of.ts';

const named = (name: string, ...groups: string[]): User => ({
  name,
  groups: [...groups, 'system:authenticated'],
});
const admin = named('gantry-admin', 'system:masters');
const controllers = named('system:gantry-controllers', 'system:gantry');
const scheduler = named('system:gantry-scheduler', 'system:gantry');
const apiServer = named('system:gantry-apiserver', 'system:gantry');
const nodeA = named('system:node:a', 'system:nodes');
const stranger = named('mallory');
const everybodyButAdmin = { controllers, scheduler, apiServer, nodeA, stranger, anonymousUser };

const verbs: readonly Verb[] = [
  'get',
  'list',
  'watch',
  'create',
  'update',
  'patch',
  'delete',
  'deletecollection',
];

/** `verb group/resource[/subresource] [namespace/]name?` */
function may(user: User, request: string, fieldSelector?: string): boolean {
  const [verb = '', target = '', object] = request.split(' ');
  const [group = '', resource = '', subresource] = target.split('/');
  const [namespace, name] = object?.includes('/') ? object.split('/') : [undefined, object];
  return authorize({
    user,
    verb,
    group,
    resource,
    ...(subresource ? { subresource } : {}),
    ...(namespace ? { namespace } : {}),
    ...(name ? { name } : {}),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  }).allowed;
}

describe('the closed table', () => {
  test('an admin may do everything that is served', () => {
    for (const kind of builtinKinds) {
      for (const verb of verbs) expect(may(admin, `${verb} ${kind.group}/${kind.plural} x`)).toBe(true);
    }
    expect(authorize({ user: admin, verb: 'get', path: '/metrics' }).allowed).toBe(true);
  });

  test('a user nobody knows may do nothing but ask about itself', () => {
    for (const user of [stranger, apiServer]) {
      for (const kind of builtinKinds) {
        for (const verb of verbs) expect(may(user, `${verb} ${kind.group}/${kind.plural}`)).toBe(false);
      }
      expect(may(user, 'create authorization.k8s.io/selfsubjectaccessreviews')).toBe(true);
      expect(may(user, 'create authentication.k8s.io/selfsubjectreviews')).toBe(true);
    }
  });

  test.each<[keyof typeof everybodyButAdmin, string, boolean]>([
    ['controllers', 'create gantry.dev/tasks default/', true],
    ['controllers', 'patch gantry.dev/jobs/status default/web', true],
    ['controllers', 'delete /configmaps default/x', true],
    ['controllers', 'patch /nodes/status n1', true],
    ['controllers', 'create gantry.dev/tasks/binding default/web-0-0', false],
    ['controllers', 'create gantry.dev/plans', false],
    ['controllers', 'create /secrets default/', false],
    ['controllers', 'create /nodes', false],
    ['controllers', 'create gantry.dev/tasks/exec default/web-0-0', false],
    ['controllers', 'create gantry.dev/tasks/portforward default/web-0-0', false],
    ['scheduler', 'create gantry.dev/tasks/exec default/web-0-0', false],
    ['nodeA', 'create gantry.dev/tasks/exec default/web-0-0', false],
    ['scheduler', 'list gantry.dev/tasks', true],
    ['scheduler', 'watch /nodes', true],
    ['scheduler', 'create gantry.dev/plans', true],
    ['scheduler', 'create gantry.dev/tasks/binding default/web-0-0', true],
    ['scheduler', 'patch gantry.dev/tasks/status default/web-0-0', true],
    ['scheduler', 'create /events default/', true],
    ['scheduler', 'get /events default/x', true],
    ['scheduler', 'list /events default/', false],
    ['scheduler', 'update coordination.k8s.io/leases kube-system/gantry-scheduler', true],
    ['scheduler', 'update coordination.k8s.io/leases kube-node-lease/n1', false],
    ['scheduler', 'delete gantry.dev/tasks default/web-0-0', false],
    ['scheduler', 'delete gantry.dev/jobs default/web', false],
    ['scheduler', 'patch gantry.dev/tasks default/web-0-0', false],
    ['scheduler', 'patch /nodes n1', false],
    ['scheduler', 'get /secrets default/x', false],
    ['scheduler', 'get /configmaps default/x', false],
    ['anonymousUser', 'create authentication.k8s.io/selfsubjectreviews', false],
    ['anonymousUser', 'get /nodes n1', false],
  ])('%s: %s → %s', (who, request, allowed) => {
    expect(may(everybodyButAdmin[who], request)).toBe(allowed);
  });

  test('paths: health for all, what is served for named users, metrics for admins', () => {
    const path = (user: User, where: string, verb = 'get') => authorize({ user, verb, path: where }).allowed;
    for (const where of ['/healthz', '/livez', '/readyz', '/readyz/store', '/version'])
      expect(path(anonymousUser, where)).toBe(true);
    for (const where of ['/api', '/apis', '/apis/gantry.dev', '/openapi/v3', '/openapi/v2', '/metrics', '/'])
      expect(path(anonymousUser, where)).toBe(false);
    for (const where of ['/api', '/api/v1', '/apis/gantry.dev/v1', '/openapi/v3/api/v1', '/version'])
      expect(path(stranger, where)).toBe(true);
    expect(path(stranger, '/metrics')).toBe(false);
    expect(path(stranger, '/healthzz')).toBe(false);
    expect(path(stranger, '/api', 'post')).toBe(false);
  });

  test('a refusal says who, what and where, as Kubernetes does', () => {
    const error = reasonOf(() =>
      requireAuthorized({
        user: stranger,
        verb: 'get',
        group: 'gantry.dev',
        resource: 'jobs',
        namespace: 'default',
        name: 'web',
      }),
    );
    expect(error.message).toBe(
      'jobs.gantry.dev "web" is forbidden: User "mallory" cannot get resource "jobs" in API group "gantry.dev" in the namespace "default"',
    );
    expect(error.details).toEqual({ group: 'gantry.dev', kind: 'jobs', name: 'web' });
  });

  test('without credentials the answer is Unauthorized', () => {
    const error = reasonOf(() =>
      requireAuthorized({ user: anonymousUser, verb: 'list', group: '', resource: 'nodes' }),
    );
    expect(error.reason).toBe('Unauthorized');
  });
});

describe('a node', () => {
  test.each<[string, boolean, string?]>([
    ['list gantry.dev/tasks', false],
    ['list gantry.dev/tasks', true, 'spec.nodeName=a'],
    ['watch gantry.dev/tasks', true, 'status.phase!=Failed,spec.nodeName==a'],
    ['watch gantry.dev/tasks', false, 'spec.nodeName=b'],
    ['watch gantry.dev/tasks', false, 'spec.nodeName!=a'],
    ['list gantry.dev/tasks default/', false, 'spec.nodeName=ab'],
    ['deletecollection gantry.dev/tasks default/', false, 'spec.nodeName=a'],
    ['create gantry.dev/tasks default/', false],
    ['create gantry.dev/plans', false],
    ['create gantry.dev/tasks/binding default/web-0-0', false],
    ['patch gantry.dev/tasks/status default/web-0-0', true],
    ['get /nodes a', true],
    ['get /nodes b', false],
    ['list /nodes', false],
    ['watch /nodes', true, 'metadata.name=a'],
    ['patch /nodes/status a', true],
    ['patch /nodes/status b', false],
    ['delete /nodes a', false],
    ['update coordination.k8s.io/leases kube-node-lease/a', true],
    ['update coordination.k8s.io/leases kube-node-lease/b', false],
    ['update coordination.k8s.io/leases kube-system/a', false],
    ['create /events default/', true],
    ['list /events default/', false],
    // Which of them: node-references.test.ts.
    ['get /secrets default/x', true],
    ['list /secrets default/', false],
    ['update /secrets default/x', false],
    ['list /configmaps default/', false],
    ['get gantry.dev/jobs default/web', false],
  ])('a: %s → %s %s', (request, allowed, fieldSelector) => {
    expect(may(nodeA, request, fieldSelector)).toBe(allowed);
  });

  test.each<[string, User]>([
    ['the name without the group', named('system:node:a')],
    ['the group without the name', named('a', 'system:nodes')],
    ['an empty node name', named('system:node:', 'system:nodes')],
  ])('%s is no node', (_name, user) => {
    expect(may(user, 'get /nodes a')).toBe(false);
    expect(may(user, 'list gantry.dev/tasks', 'spec.nodeName=')).toBe(false);
  });
});

/** One object of each kind, as far as it can belong to a node, belonging to `node`. */
function objectOf(kind: AnyKind, node: string): AnyObject {
  const belongs: Record<string, object> = {
    tasks: { metadata: { name: 'web-0-0', namespace: 'default' }, spec: { nodeName: node } },
    nodes: { metadata: { name: node }, spec: {} },
    leases: { metadata: { name: node, namespace: 'kube-node-lease' }, spec: {} },
    persistentvolumes: { metadata: { name: 'x' }, spec: { nodeAffinity: affinityTo(node) } },
  };
  const own = belongs[kind.plural] ?? { metadata: { name: 'x', namespace: 'default' } };
  return { apiVersion: kind.version, kind: kind.kind, ...own } as AnyObject;
}

/** What a request of node a for this object would get, from both halves of the answer. */
function allowedToNodeA(kind: AnyKind, verb: Verb, object: AnyObject, subresource?: string): boolean {
  const { name, namespace } = object.metadata;
  const decision = authorize({
    user: nodeA,
    verb,
    group: kind.group,
    resource: kind.plural,
    fieldSelector: kind.plural === 'nodes' ? 'metadata.name=a' : 'spec.nodeName=a',
    ...(subresource === undefined ? {} : { subresource }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(verb === 'create' ? {} : { name }),
  });
  const writes = verb === 'create' || verb === 'update' || verb === 'patch';
  const refusal = nodeRefusal(nodeA, kind, {
    verb,
    ...(subresource === undefined ? {} : { subresource }),
    ...(writes ? { object } : {}),
    ...(verb === 'create' ? {} : { old: object }),
  });
  return decision.allowed && refusal === undefined;
}

describe('a stolen node credential', () => {
  const cells = builtinKinds
    .filter(({ plural }) => plural !== 'events')
    .flatMap((kind) =>
      verbs
        // Collections are bounded by the forced field selector (above), not object by object.
        .filter((verb) => verb !== 'list' && verb !== 'watch')
        // Every node answers for the names of all services.
        .filter((verb) => !(verb === 'get' && ['services', 'endpointslices'].includes(kind.plural)))
        .flatMap((verb) =>
          [undefined, 'status', 'scale', 'binding', 'token', 'imagepeers'].map(
            (part) => [kind, verb, part] as const,
          ),
        ),
    );

  test.each(
    cells.map(
      ([kind, verb, part]) => [`${verb} ${kind.plural}${part ? `/${part}` : ''}`, kind, verb, part] as const,
    ),
  )('of node a cannot %s of node b', (_name, kind, verb, part) => {
    expect(allowedToNodeA(kind, verb, objectOf(kind, 'b'), part)).toBe(false);
  });

  test('of node a can do its own work', () => {
    const [task, node, lease] = ['tasks', 'nodes', 'leases'].map((plural) => {
      const kind = builtinKinds.find((each) => each.plural === plural)!;
      return { kind, own: objectOf(kind, 'a') };
    });
    expect(allowedToNodeA(task!.kind, 'patch', task!.own, 'status')).toBe(true);
    expect(allowedToNodeA(task!.kind, 'delete', task!.own)).toBe(true);
    expect(allowedToNodeA(task!.kind, 'get', task!.own)).toBe(true);
    expect(allowedToNodeA(node!.kind, 'create', node!.own)).toBe(true);
    expect(allowedToNodeA(node!.kind, 'patch', node!.own, 'status')).toBe(true);
    expect(allowedToNodeA(lease!.kind, 'create', lease!.own)).toBe(true);
    expect(allowedToNodeA(lease!.kind, 'update', lease!.own)).toBe(true);
  });

  const nodeKind = builtinKinds.find(({ plural }) => plural === 'nodes')!;
  const taskKind = builtinKinds.find(({ plural }) => plural === 'tasks')!;
  const own = objectOf(nodeKind, 'a');
  const ownTask = objectOf(taskKind, 'a');
  const withSpec = (spec: object): AnyObject => ({ ...own, spec: { ...spec } });
  const withLabels = (labels: Record<string, string>): AnyObject => ({
    ...own,
    metadata: { ...own.metadata, labels },
  });

  test.each<[string, AnyKind, AnyObject, AnyObject, boolean]>([
    ['taint itself', nodeKind, withSpec({ taints: [{ key: 'x', effect: 'NoSchedule' }] }), own, true],
    ['remove its taints', nodeKind, own, withSpec({ taints: [{ key: 'x', effect: 'NoSchedule' }] }), false],
    ['uncordon itself', nodeKind, own, withSpec({ unschedulable: true }), false],
    ['relabel itself', nodeKind, withLabels({ pool: 'trusted' }), own, false],
    ['remove a label', nodeKind, own, withLabels({ pool: 'untrusted' }), false],
    ['take a role', nodeKind, withLabels({ 'node-role.kubernetes.io/control-plane': '' }), own, false],
    ['say its host name', nodeKind, withLabels({ 'kubernetes.io/hostname': 'a' }), own, true],
    ['give its task away', taskKind, objectOf(taskKind, 'b'), ownTask, false],
    ['take over a task', taskKind, ownTask, objectOf(taskKind, 'b'), false],
    [
      'change the spec of its task',
      taskKind,
      { ...ownTask, spec: { nodeName: 'a', priority: 9 } },
      ownTask,
      false,
    ],
    [
      'take a finalizer off its task',
      taskKind,
      ownTask,
      { ...ownTask, metadata: { ...ownTask.metadata, finalizers: ['a.b/c'] } },
      true,
    ],
  ])('cannot %s, unless it says only what it knows', (_name, kind, object, old, allowed) => {
    expect(nodeRefusal(nodeA, kind, { verb: 'update', object, old }) === undefined).toBe(allowed);
  });

  test('cannot join with a role', () => {
    const object = withLabels({ 'node-role.kubernetes.io/control-plane': '' });
    expect(nodeRefusal(nodeA, nodeKind, { verb: 'create', object })).toContain('node-role');
    expect(
      nodeRefusal(nodeA, nodeKind, { verb: 'create', object: withLabels({ pool: 'x' }) }),
    ).toBeUndefined();
  });

  test('users that are no nodes are not restricted here', () => {
    expect(nodeRefusal(admin, nodeKind, { verb: 'delete', old: own })).toBeUndefined();
  });
});
