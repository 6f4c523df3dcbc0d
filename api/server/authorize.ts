/**
 * Who may do what: the closed table. What no row allows is refused; nothing is open by default.
 *
 * The rows speak of kinds and verbs. For node agents they are only half of the answer: which *objects* a
 * node may touch is node-restriction.ts, asked again once the object is known.
 */
import { nodeLeaseNamespace, systemNamespace } from '../kinds/names.ts';
import { ApiError } from '../meta/api-error.ts';
import { anonymousUser, componentNames, groupNames, isAdmin, nodeNameOf, type User } from './user.ts';

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';

export interface ResourceAttributes {
  user: User;
  /** A `Verb`; reviews may ask about others, which nobody but an admin has. */
  verb: string;
  group: string;
  resource: string;
  subresource?: string;
  namespace?: string;
  name?: string;
  fieldSelector?: string;
}

/** A request for something that is no object: health, discovery, metrics. */
export interface PathAttributes {
  user: User;
  verb: string;
  path: string;
}

export type RequestAttributes = ResourceAttributes | PathAttributes;

export type Decision = { allowed: true } | { allowed: false; reason: string };

/** One row: these verbs on these resources (`tasks`, `tasks/status`) of the group. `*` stands for all. */
export interface Rule {
  verbs: readonly string[];
  group: string;
  resources: readonly string[];
  /** Only in this namespace. */
  namespace?: string;
  /** Only the object of this name (`create` has none yet). */
  name?: string;
}

const read = ['get', 'list', 'watch'];
const write = ['create', 'update', 'patch'];
const everything: readonly Rule[] = [{ verbs: ['*'], group: '*', resources: ['*'] }];

/** Asking about oneself is free for everybody who has a name. */
const reviewRules: readonly Rule[] = [
  { verbs: ['create'], group: 'authentication.k8s.io', resources: ['selfsubjectreviews'] },
  {
    verbs: ['create'],
    group: 'authorization.k8s.io',
    resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
  },
];

/** Recorders count repeated events up: they read the one they are about to write. */
const eventRule: Rule = { verbs: ['get', ...write], group: '', resources: ['events'] };

/** Controllers reconcile every kind; new objects they make are tasks, endpoints, service accounts, leases and events only. */
const controllerRules: readonly Rule[] = [
  { verbs: [...read, 'update', 'patch', 'delete', 'deletecollection'], group: '*', resources: ['*'] },
  { verbs: ['create'], group: 'gantry.dev', resources: ['tasks'] },
  { verbs: ['create'], group: 'discovery.k8s.io', resources: ['endpointslices'] },
  { verbs: ['create'], group: '', resources: ['serviceaccounts'] },
  { verbs: ['create'], group: 'coordination.k8s.io', resources: ['leases'] },
  eventRule,
];

const schedulerRules: readonly Rule[] = [
  { verbs: read, group: 'gantry.dev', resources: ['tasks', 'jobs'] },
  {
    verbs: read,
    group: '',
    resources: ['nodes', 'namespaces', 'persistentvolumeclaims', 'persistentvolumes'],
  },
  { verbs: read, group: 'storage.k8s.io', resources: ['storageclasses'] },
  { verbs: read, group: 'scheduling.k8s.io', resources: ['priorityclasses'] },
  { verbs: read, group: 'policy', resources: ['poddisruptionbudgets'] },
  { verbs: ['create'], group: 'gantry.dev', resources: ['tasks/binding', 'plans'] },
  { verbs: ['update', 'patch'], group: 'gantry.dev', resources: ['tasks/status'] },
  {
    verbs: ['get', ...write],
    group: 'coordination.k8s.io',
    resources: ['leases'],
    namespace: systemNamespace,
  },
  eventRule,
];

function nodeRules(name: string): readonly Rule[] {
  return [
    { verbs: [...read, 'patch', 'delete'], group: 'gantry.dev', resources: ['tasks'] },
    // An agent tries again to have admitted what was deferred; it may not change what is wanted.
    {
      verbs: ['get', 'update', 'patch'],
      group: 'gantry.dev',
      resources: ['tasks/status', 'tasks/resize'],
    },
    // For its tasks: verbs/token.ts.
    { verbs: ['create'], group: '', resources: ['serviceaccounts/token'] },
    // Which of them: node-restriction.ts.
    { verbs: ['get'], group: '', resources: ['configmaps', 'secrets'] },
    // Names and addresses of services, for all tasks alike.
    { verbs: read, group: '', resources: ['services'] },
    { verbs: read, group: 'discovery.k8s.io', resources: ['endpointslices'] },
    // An agent says when what was in a volume of its node is removed.
    { verbs: [...read, 'patch'], group: '', resources: ['persistentvolumes'] },
    { verbs: [...read, ...write], group: '', resources: ['nodes'], name },
    { verbs: ['get', 'update', 'patch'], group: '', resources: ['nodes/status'], name },
    { verbs: ['get'], group: '', resources: ['nodes/imagepeers'], name },
    {
      verbs: ['get', ...write],
      group: 'coordination.k8s.io',
      resources: ['leases'],
      namespace: nodeLeaseNamespace,
      name,
    },
    eventRule,
  ];
}

/** The rows of the table that are about this user. */
export function rulesFor(user: User): readonly Rule[] {
  if (isAdmin(user)) return everything;
  if (!user.groups.includes(groupNames.authenticated)) return [];
  const node = nodeNameOf(user);
  if (node !== undefined) return [...reviewRules, ...nodeRules(node)];
  if (user.name === componentNames.controllers) return [...reviewRules, ...controllerRules];
  if (user.name === componentNames.scheduler) return [...reviewRules, ...schedulerRules];
  return reviewRules;
}

const anonymousPaths = ['/healthz', '/livez', '/readyz', '/version'];
/** What every named user may read: what is served, and how. */
export const commonPaths: readonly string[] = [...anonymousPaths, '/api', '/apis', '/openapi'];

export function authorize(attributes: RequestAttributes): Decision {
  return 'path' in attributes ? authorizePath(attributes) : authorizeResource(attributes);
}

/** Throws ApiError Unauthorized (no credentials) or Forbidden, in Kubernetes' words. */
export function requireAuthorized(attributes: RequestAttributes): void {
  const decision = authorize(attributes);
  if (decision.allowed) return;
  if (attributes.user.name === anonymousUser.name) throw new ApiError('Unauthorized', 'Unauthorized');
  throw forbidden(attributes, decision.reason);
}

export function forbidden(attributes: RequestAttributes, reason: string): ApiError {
  const { user, verb } = attributes;
  const who = `User ${JSON.stringify(user.name)} cannot ${verb}`;
  if ('path' in attributes)
    return new ApiError(
      'Forbidden',
      `forbidden: ${who} path ${JSON.stringify(attributes.path)}${suffix(reason)}`,
    );
  const { group, resource, subresource, namespace, name = '' } = attributes;
  const full = subresource === undefined ? resource : `${resource}/${subresource}`;
  const where =
    namespace === undefined ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`;
  const subject = `${group === '' ? resource : `${resource}.${group}`}${name === '' ? '' : ` ${JSON.stringify(name)}`}`;
  return new ApiError(
    'Forbidden',
    `${subject} is forbidden: ${who} resource ${JSON.stringify(full)} in API group ${JSON.stringify(group)} ${where}${suffix(reason)}`,
    { ...(group === '' ? {} : { group }), kind: resource, ...(name === '' ? {} : { name }) },
  );
}

function suffix(reason: string): string {
  return reason === '' ? '' : `: ${reason}`;
}

function authorizePath({ user, verb, path }: PathAttributes): Decision {
  if (isAdmin(user)) return { allowed: true };
  const isRead = verb === 'get' || verb === 'head';
  const named = user.groups.includes(groupNames.authenticated);
  const readable = named ? commonPaths : anonymousPaths;
  if (isRead && readable.some((root) => path === root || path.startsWith(`${root}/`)))
    return { allowed: true };
  return { allowed: false, reason: '' };
}

function authorizeResource(attributes: ResourceAttributes): Decision {
  if (!rulesFor(attributes.user).some((rule) => ruleAllows(rule, attributes)))
    return { allowed: false, reason: '' };
  const node = nodeNameOf(attributes.user);
  const reason =
    node === undefined || isAdmin(attributes.user) ? undefined : collectionRefusal(node, attributes);
  return reason === undefined ? { allowed: true } : { allowed: false, reason };
}

export function ruleAllows(
  rule: Rule,
  { verb, group, resource, subresource, namespace, name }: Omit<ResourceAttributes, 'user'>,
): boolean {
  const full = subresource ? `${resource}/${subresource}` : resource;
  return (
    matches(rule.verbs, verb) &&
    matches([rule.group], group) &&
    matches(rule.resources, full) &&
    (rule.namespace === undefined || rule.namespace === namespace) &&
    (rule.name === undefined || name === undefined || rule.name === name)
  );
}

function matches(allowed: readonly string[], asked: string): boolean {
  return allowed.includes('*') || allowed.includes(asked);
}

/** A node sees collections only through a selector that leaves nothing but its own. */
function collectionRefusal(
  node: string,
  { verb, resource, fieldSelector = '' }: ResourceAttributes,
): string | undefined {
  if (verb !== 'list' && verb !== 'watch') return undefined;
  if (resource === 'services' || resource === 'endpointslices') return undefined;
  const own = resource === 'nodes' ? `metadata.name=${node}` : `spec.nodeName=${node}`;
  const terms = fieldSelector.split(',').map((term) => term.trim().replace('==', '='));
  return terms.includes(own) ? undefined : `a node may only ${verb} ${resource} with fieldSelector ${own}`;
}
