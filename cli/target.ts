/**
 * The objects a command line names: `jobs,tasks`, `job web api`, `job/web task/web-0-0`. What is parsed
 * here goes into request paths, so names are checked first.
 */
import { ApiError } from '../api/meta/api-error.ts';
import type { ApiResource, Discovery } from './discovery.ts';
import { UsageError } from './failure.ts';

/** One resource, and the objects of it that are meant; no names means all of them. */
export interface Target {
  resource: ApiResource;
  names: string[];
}

/** A resource and one object of it. */
export interface NamedTarget {
  resource: ApiResource;
  name: string;
}

/** Throws UsageError on a mix of forms, ApiError on unknown types and impossible names. */
export async function parseTargets(args: readonly string[], discovery: Discovery): Promise<Target[]> {
  const [first, ...rest] = args;
  if (first === undefined) throw new UsageError('say which resources: a type (jobs), TYPE NAME or TYPE/NAME');
  if (args.every((arg) => arg.includes('/'))) return pairs(args, discovery);
  if (first.includes('/'))
    throw new UsageError('name objects as TYPE NAME… or as TYPE/NAME…, not both in one command');
  for (const name of rest) checkName(name);
  const types = first.split(',').filter((word) => word !== '');
  const resources = (await Promise.all(types.map((word) => discovery.named(word)))).flat();
  return [...new Set(resources)].map((resource) => ({ resource, names: rest }));
}

async function pairs(args: readonly string[], discovery: Discovery): Promise<Target[]> {
  const targets: Target[] = [];
  for (const arg of args) {
    const slash = arg.indexOf('/');
    const name = arg.slice(slash + 1);
    checkName(name);
    const resource = await discovery.one(arg.slice(0, slash));
    const last = targets.at(-1);
    if (last?.resource === resource) last.names.push(name);
    else targets.push({ resource, names: [name] });
  }
  return targets;
}

/** Targets that must name objects (describe may list, scale may not). */
export async function parseNamedTargets(
  args: readonly string[],
  discovery: Discovery,
): Promise<NamedTarget[]> {
  const targets = await parseTargets(args, discovery);
  const unnamed = targets.find(({ names }) => names.length === 0);
  if (unnamed) throw new UsageError(`say which ${unnamed.resource.plural}: a name is missing`);
  return targets.flatMap(({ resource, names }) => names.map((name) => ({ resource, name })));
}

/** A name becomes one segment of a path: nothing in it may end the segment or climb. */
export function checkName(name: string): void {
  const problem =
    name === ''
      ? 'is empty'
      : name === '.' || name === '..'
        ? `may not be '${name}'`
        : forbiddenCharacter(name);
  if (problem) throw new ApiError('BadRequest', `the name ${JSON.stringify(name)} ${problem}`);
}

function forbiddenCharacter(name: string): string | undefined {
  const found = /[/%\s?#\\]/.exec(name)?.[0];
  return found === undefined ? undefined : `may not contain ${JSON.stringify(found)}`;
}
