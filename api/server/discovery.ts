/**
 * Discovery: what is served, told in Kubernetes' two forms. The legacy form is a document per level
 * (/api, /apis, /apis/<group>, /apis/<group>/<version>), the aggregated one a document per root.
 * Pure functions of the kinds; api-documents.ts keeps their bytes.
 */
import type { AnyKind } from '../kinds/define-kind.ts';
import { apiVersionOf, names } from '../kinds/names.ts';
import { kindId } from './keys.ts';
import { reviewKinds } from './reviews.ts';

const objectVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const partVerbs = ['get', 'patch', 'update'];
const streamVerbs = ['create', 'get'];

interface GroupVersionKind {
  group: string;
  version: string;
  kind: string;
}

interface DiscoveredSubresource {
  name: string;
  verbs: readonly string[];
  kind: GroupVersionKind;
}

/** Anything a path leads to: a stored kind, or a verb in the shape of one (reviews, plans). */
interface DiscoveredResource {
  group: string;
  version: string;
  kind: string;
  plural: string;
  singular: string;
  namespaced: boolean;
  shortNames: readonly string[];
  categories: readonly string[];
  verbs: readonly string[];
  subresources: readonly DiscoveredSubresource[];
}

function resourcesOf(kinds: readonly AnyKind[]): DiscoveredResource[] {
  const stored = kinds.map((kind) => ({ verbs: objectVerbs, ...kind, subresources: subresourcesOf(kind) }));
  return [...stored, plans, ...reviewKinds.map(verbResource)];
}

function verbResource(given: { group: string; version: string; kind: string; plural: string }) {
  return {
    ...given,
    singular: given.kind.toLowerCase(),
    namespaced: false,
    shortNames: [],
    categories: [],
    verbs: ['create'],
    subresources: [],
  };
}

const { group, version } = names.Task;
const plans = verbResource({ group, version, kind: 'Plan', plural: 'plans' });

const tokenRequest = { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' };

function subresourcesOf(kind: AnyKind): DiscoveredSubresource[] {
  const runs = kindId(kind) === kindId(names.Task);
  const own = (suffix: string): GroupVersionKind => ({ ...kind, kind: `${kind.kind}${suffix}` });
  return [
    ...(kind.statusSubresource ? [{ name: 'status', verbs: partVerbs, kind }] : []),
    ...(kind.scale
      ? [{ name: 'scale', verbs: partVerbs, kind: { group: 'autoscaling', version: 'v1', kind: 'Scale' } }]
      : []),
    ...(kindId(kind) === kindId(names.ServiceAccount)
      ? [{ name: 'token', verbs: ['create'], kind: tokenRequest }]
      : []),
    ...(kindId(kind) === kindId(names.Node) ? [{ name: 'imagepeers', verbs: ['get'], kind }] : []),
    ...(runs
      ? [
          { name: 'attach', verbs: streamVerbs, kind: own('AttachOptions') },
          { name: 'binding', verbs: ['create'], kind: { ...kind, kind: 'Binding' } },
          { name: 'ephemeralcontainers', verbs: partVerbs, kind },
          { name: 'eviction', verbs: ['create'], kind: { group: 'policy', version: 'v1', kind: 'Eviction' } },
          { name: 'exec', verbs: streamVerbs, kind: own('ExecOptions') },
          { name: 'log', verbs: ['get'], kind },
          { name: 'portforward', verbs: streamVerbs, kind: own('PortForwardOptions') },
          { name: 'resize', verbs: partVerbs, kind },
        ]
      : []),
  ];
}

/** GET /api */
export function apiVersions(): object {
  return {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [],
  };
}

/** GET /apis */
export function apiGroupList(kinds: readonly AnyKind[]): object {
  const groups = groupNamesOf(kinds).filter((name) => name !== '');
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map((name) => groupEntry(kinds, name)) };
}

/** GET /apis/<group>; undefined when there is no such group. */
export function apiGroup(kinds: readonly AnyKind[], name: string): object | undefined {
  if (name === '' || !groupNamesOf(kinds).includes(name)) return undefined;
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(kinds, name) };
}

function groupEntry(kinds: readonly AnyKind[], name: string): object {
  const versions = versionsOf(kinds, name).map((each) => ({
    groupVersion: `${name}/${each}`,
    version: each,
  }));
  return { name, versions, preferredVersion: versions[0] };
}

/** GET /api/v1 and /apis/<group>/<version>; undefined when there is none. */
export function apiResourceList(
  kinds: readonly AnyKind[],
  groupName: string,
  versionName: string,
): object | undefined {
  const resources = resourcesOf(kinds).filter(
    (resource) => resource.group === groupName && resource.version === versionName,
  );
  if (resources.length === 0) return undefined;
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: apiVersionOf({ group: groupName, version: versionName }),
    // A resource stands before its subresources: clients take the first entry of a kind.
    resources: resources.flatMap((resource) => [
      resourceEntry(resource),
      ...resource.subresources.map((part) => subresourceEntry(resource, part)),
    ]),
  };
}

function resourceEntry(resource: DiscoveredResource): object {
  const { plural, singular, namespaced, kind, verbs } = resource;
  return { name: plural, singularName: singular, namespaced, kind, verbs, ...namesOf(resource) };
}

function namesOf({ shortNames, categories }: DiscoveredResource): object {
  return {
    ...(shortNames.length > 0 ? { shortNames } : {}),
    ...(categories.length > 0 ? { categories } : {}),
  };
}

function subresourceEntry(
  resource: DiscoveredResource,
  { name, verbs, kind }: DiscoveredSubresource,
): object {
  return {
    name: `${resource.plural}/${name}`,
    singularName: '',
    namespaced: resource.namespaced,
    ...(kind.group === resource.group ? {} : { group: kind.group, version: kind.version }),
    kind: kind.kind,
    verbs,
  };
}

/** GET /api or /apis with the aggregated Accept. `root` says which of them. */
export function aggregatedDiscovery(
  kinds: readonly AnyKind[],
  root: 'api' | 'apis',
  version: 'v2' | 'v2beta1',
): object {
  const groups = groupNamesOf(kinds).filter((name) => (name === '') === (root === 'api'));
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: groups.map((name) => ({
      metadata: { name, creationTimestamp: null },
      versions: versionsOf(kinds, name).map((each) => ({
        version: each,
        freshness: 'Current',
        resources: resourcesOf(kinds)
          .filter((resource) => resource.group === name && resource.version === each)
          .map(aggregatedEntry),
      })),
    })),
  };
}

function aggregatedEntry(resource: DiscoveredResource): object {
  const { plural, singular, namespaced, verbs, subresources } = resource;
  return {
    resource: plural,
    responseKind: responseKind(resource),
    scope: namespaced ? 'Namespaced' : 'Cluster',
    singularResource: singular,
    verbs,
    ...namesOf(resource),
    ...(subresources.length === 0
      ? {}
      : {
          subresources: subresources.map(({ name, kind, verbs: partOf }) => ({
            subresource: name,
            responseKind: responseKind(kind),
            verbs: partOf,
          })),
        }),
  };
}

function responseKind({ group, version, kind }: GroupVersionKind): GroupVersionKind {
  return { group, version, kind };
}

function groupNamesOf(kinds: readonly AnyKind[]): string[] {
  return [...new Set(resourcesOf(kinds).map((resource) => resource.group))];
}

/** Newest first, as they were listed; the first one is preferred. */
function versionsOf(kinds: readonly AnyKind[], name: string): string[] {
  return [
    ...new Set(
      resourcesOf(kinds)
        .filter((resource) => resource.group === name)
        .map((resource) => resource.version),
    ),
  ];
}
