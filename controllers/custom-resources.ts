/** The custom kinds of a cluster, as the controllers that deal with every kind hold them. */
import { apiVersionOf } from '../api/kinds/names.ts';
import type { CustomResourceDefinition, Resource } from '../api/kinds/resources.ts';
import { isConditionTrue } from '../api/meta/conditions.ts';
import type { KubeObject } from '../api/meta/object-meta.ts';

/** One resource per definition that is served, whatever versions it has: they show the same objects. */
export function customResources(definitions: readonly CustomResourceDefinition[]): Resource<KubeObject>[] {
  return definitions
    .filter(({ status }) => isConditionTrue(status?.conditions, 'Established'))
    .flatMap(({ spec: { group, names, scope, versions } }) => {
      const served = versions.filter(({ served }) => served);
      const version = (served.find(({ storage }) => storage) ?? served[0])?.name;
      if (version === undefined) return [];
      const { plural, kind, singular = kind.toLowerCase() } = names;
      const apiVersion = apiVersionOf({ group, version });
      const namespaced = scope === 'Namespaced';
      return [
        { group, version, apiVersion, kind, plural, singular, shortNames: [], categories: [], namespaced },
      ];
    });
}

/** Equal text, equal resources. */
export function identityOf(resources: readonly Resource<KubeObject>[]): string {
  return JSON.stringify(
    resources
      .map(({ apiVersion, plural, kind, namespaced }) => [apiVersion, plural, kind, namespaced])
      .sort(),
  );
}
