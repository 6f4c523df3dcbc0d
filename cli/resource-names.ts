/**
 * What the words for resources mean: `jobs`, `job`, `gj`, `Job`, `jobs.gantry.dev`, `jobs.v1.gantry.dev`,
 * or a category such as `all`. Pure. Where two groups use one word, Gantry's own kind is meant.
 */
import { names } from '../api/kinds/names.ts';
import { ApiError } from '../api/meta/api-error.ts';
import { didYouMean } from '../api/meta/field-path.ts';
import type { ApiResource } from './discovery.ts';

/** The resources `word` stands for, best first; one, except for a category. Empty when unknown. */
export function resourcesNamed(word: string, resources: readonly ApiResource[]): ApiResource[] {
  const wanted = word.toLowerCase();
  const [first] = resources.filter((resource) => isCalled(resource, wanted)).sort(byPreference);
  if (first) return [first];
  return resources.filter(
    (resource) =>
      resource.categories.includes(wanted) && resource.verbs.includes('list') && !isView(resource),
  );
}

/** Shows once more what is there in another form: in a category, that form is enough. */
function isView({ group, plural }: ApiResource): boolean {
  return group === names.Pod.group && plural === names.Pod.plural;
}

/** `name`, `name.group` and `name.version.group` for each of its names. */
function isCalled(resource: ApiResource, wanted: string): boolean {
  const dot = wanted.indexOf('.');
  const name = dot < 0 ? wanted : wanted.slice(0, dot);
  const qualifier = dot < 0 ? undefined : wanted.slice(dot + 1);
  const names = [resource.plural, resource.singular, resource.kind.toLowerCase(), ...resource.shortNames];
  if (!names.includes(name)) return false;
  return (
    qualifier === undefined ||
    qualifier === resource.group ||
    qualifier === `${resource.version}.${resource.group}`.replace(/\.$/, '')
  );
}

function byPreference(left: ApiResource, right: ApiResource): number {
  return rank(left.group) - rank(right.group);
}

function rank(group: string): number {
  if (group === 'gantry.dev') return 0;
  return group === '' ? 1 : 2;
}

export function ofKind(
  apiVersion: string,
  kind: string,
  resources: readonly ApiResource[],
): ApiResource | undefined {
  return resources.find((resource) => resource.apiVersion === apiVersion && resource.kind === kind);
}

export function unknownResource(word: string, resources: readonly ApiResource[]): ApiError {
  const names = resources.flatMap(({ plural, singular, shortNames }) => [plural, singular, ...shortNames]);
  const guess = didYouMean(word, names);
  const hint = guess ? `; did you mean "${guess}"?` : '; see `gantry api-resources`';
  return new ApiError('NotFound', `the server has no resource type "${word}"${hint}`);
}

/** Says which part is wrong: the kind, or only its apiVersion. */
export function unknownKind(apiVersion: string, kind: string, resources: readonly ApiResource[]): ApiError {
  const sameKind = resources.find((resource) => resource.kind === kind);
  const guess = didYouMean(
    kind,
    resources.map((resource) => resource.kind),
  );
  const meant = sameKind ?? resources.find((resource) => resource.kind === guess);
  const hint = meant
    ? `; did you mean kind "${meant.kind}" in apiVersion "${meant.apiVersion}"?`
    : '; see `gantry api-resources`';
  return new ApiError('NotFound', `the server has no kind "${kind}" in apiVersion "${apiVersion}"${hint}`);
}

/** How people are told of an object: `job/web`; foreign groups are named (`lease.coordination.k8s.io/n1`). */
export function shownName(resource: Pick<ApiResource, 'singular' | 'group'>, name: string): string {
  return `${shownType(resource)}/${name}`;
}

export function shownType({ singular, group }: Pick<ApiResource, 'singular' | 'group'>): string {
  return group === '' || group === 'gantry.dev' ? singular : `${singular}.${group}`;
}

/** `job.gantry.dev/web`: `-o name`, as kubectl prints and reads it. */
export function fullName({ singular, group }: Pick<ApiResource, 'singular' | 'group'>, name: string): string {
  return `${singular}${group === '' ? '' : `.${group}`}/${name}`;
}
