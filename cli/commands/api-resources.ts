/** `gantry api-resources` and `api-versions`: what the server serves. */
import type { CommandFunction } from '../command.ts';
import type { ApiResource } from '../discovery.ts';
import { UsageError } from '../failure.ts';
import { formatTable } from '../table.ts';

export interface ApiResourcesOptions {
  output?: string;
  apiGroup?: string;
  namespaced?: string | boolean;
  headers: boolean;
}

export const apiResources: CommandFunction<ApiResourcesOptions> = async ({ io, session }, _args, options) => {
  const resources = [...(await (await session()).discovery.refresh())]
    .filter(({ group }) => options.apiGroup === undefined || group === options.apiGroup)
    .filter(
      ({ namespaced }) =>
        options.namespaced === undefined || namespaced === (String(options.namespaced) === 'true'),
    )
    .sort((left, right) => compare(left.group, right.group) || compare(left.plural, right.plural));
  if (options.output === 'name') {
    for (const { plural, group } of resources) io.out(`${plural}${group === '' ? '' : `.${group}`}\n`);
    return 0;
  }
  if (options.output !== undefined && options.output !== 'wide')
    throw new UsageError('-o: want wide or name');
  const wide = options.output === 'wide';
  const head = [
    'NAME',
    'SHORTNAMES',
    'APIVERSION',
    'NAMESPACED',
    'KIND',
    ...(wide ? ['VERBS', 'CATEGORIES'] : []),
  ];
  const rows = resources.map((resource) => row(resource, wide));
  io.out(formatTable(options.headers ? [head, ...rows] : rows));
  return 0;
};

function row(
  { plural, shortNames, apiVersion, namespaced, kind, verbs, categories }: ApiResource,
  wide: boolean,
): string[] {
  const more = wide ? [verbs.join(','), categories.join(',')] : [];
  return [plural, shortNames.join(','), apiVersion, String(namespaced), kind, ...more];
}

export const apiVersions: CommandFunction<object> = async ({ io, session }) => {
  const resources = await (await session()).discovery.refresh();
  const versions = [...new Set(resources.map(({ apiVersion }) => apiVersion))].sort(compare);
  io.out(versions.map((version) => `${version}\n`).join(''));
  return 0;
};

function compare(left: string, right: string): number {
  return left < right ? -1 : Number(left > right);
}
