/** `gantry label` and `annotate`: sets (`key=value`) and removes (`key-`) labels or annotations. */
import { ApiError } from '../../api/meta/api-error.ts';
import type { AnyObject } from '../../api/meta/object-meta.ts';
import type { CommandContext, CommandFunction, Session } from '../command.ts';
import { eachReported, UsageError } from '../failure.ts';
import { type Located, selectedObjects } from '../object-source.ts';
import { shownName } from '../resource-names.ts';
import { parseTargets } from '../target.ts';

export interface LabelOptions {
  overwrite?: boolean;
  selector?: string;
  all?: boolean;
}

type MetadataMap = 'labels' | 'annotations';
/** `null` removes the key. */
type Changes = Record<string, string | null>;

export const label: CommandFunction<LabelOptions> = (context, args, options) =>
  changeMetadata(context, args, { ...options, map: 'labels' });
export const annotate: CommandFunction<LabelOptions> = (context, args, options) =>
  changeMetadata(context, args, { ...options, map: 'annotations' });

async function changeMetadata(
  context: CommandContext,
  args: readonly string[],
  options: LabelOptions & { map: MetadataMap },
): Promise<number> {
  const { words, changes } = splitChanges(args);
  if (Object.keys(changes).length === 0)
    throw new UsageError(`say which ${options.map}: KEY=VALUE, or KEY- to remove`);
  const session = await context.session();
  const targets = await parseTargets(words, session.discovery);
  const named = await selectedObjects(targets, session, options);
  return eachReported(context.io, named, async (target) => {
    const changed = await changeOne(session, target, { ...options, changes });
    const verb = changed ? (options.map === 'labels' ? 'labeled' : 'annotated') : 'unchanged';
    context.io.out(`${shownName(target.resource, target.key.name)} ${verb}\n`);
  });
}

/** What looks like a change is one; the words before it name objects. */
function splitChanges(args: readonly string[]): { words: string[]; changes: Changes } {
  const words: string[] = [];
  const changes: Changes = {};
  for (const arg of args) {
    const equals = arg.indexOf('=');
    if (equals > 0) changes[arg.slice(0, equals)] = arg.slice(equals + 1);
    else if (arg.endsWith('-') && words.length > 0) changes[arg.slice(0, -1)] = null;
    else words.push(arg);
  }
  return { words, changes };
}

async function changeOne(
  { client }: Session,
  { resource, key }: Located,
  { map, changes, overwrite = false }: LabelOptions & { map: MetadataMap; changes: Changes },
): Promise<boolean> {
  const live: AnyObject = await client.get(resource, key);
  const there = live.metadata[map] ?? {};
  const clash = Object.entries(changes).find(
    ([word, value]) => value !== null && there[word] !== undefined && there[word] !== value,
  );
  if (clash && !overwrite) {
    const [word] = clash;
    throw new ApiError(
      'Conflict',
      `${word} is ${JSON.stringify(there[word])} already: change it with --overwrite`,
    );
  }
  const news = Object.entries(changes).some(([word, value]) => (there[word] ?? null) !== value);
  if (!news) return false;
  const body = { metadata: { resourceVersion: live.metadata.resourceVersion, [map]: changes } };
  await client.patch(resource, key, { type: 'merge', body }, { fieldManager: 'gantry' });
  return true;
}
