/**
 * The files of volumes that the agent writes: ConfigMaps, Secrets, what a task is told of itself, and several of
 * them in one (`projected`).
 */
import type { DownwardItem } from '../../api/kinds/task-downward.ts';
import type { ProjectedSource, Volume } from '../../api/kinds/task-volumes.ts';
import { fieldValue, resourceValue } from '../hooks/downward-values.ts';
import type { NodeFacts } from '../hooks/hook.ts';
import type { TaskRecord } from '../task/task-record.ts';
import type { ConfigData, ConfigKind } from './config-source.ts';
import { type ProjectedFile, projectedFiles } from './projected-files.ts';

export interface FileSources {
  node: NodeFacts;
  record: TaskRecord;
  /** Throws an Error when the object is not there and has to be. */
  config(kind: ConfigKind, name: string, optional?: boolean): Promise<ConfigData>;
}

/** Whether the agent writes its files; they cannot be written by anybody else. */
export function isWrittenByAgent({ configMap, secret, downwardAPI, projected }: Volume): boolean {
  return [configMap, secret, downwardAPI, projected].some((source) => source !== undefined);
}

/** Secrets are in memory only. */
export function holdsSecrets({ secret, projected }: Volume): boolean {
  const isSecret = projected?.sources.some((source) => source.secret ?? source.serviceAccountToken);
  return secret !== undefined || (isSecret ?? false);
}

/** Throws an Error that says what is missing. */
export async function volumeFiles(volume: Volume, from: FileSources): Promise<ProjectedFile[]> {
  const { configMap, secret, downwardAPI, projected } = volume;
  if (secret) return projectedFiles(await from.config('secret', secret.secretName, secret.optional), secret);
  if (configMap)
    return projectedFiles(await from.config('configMap', configMap.name, configMap.optional), configMap);
  if (downwardAPI) return downwardFiles(downwardAPI.items ?? [], downwardAPI.defaultMode, from);
  const { sources, defaultMode } = projected ?? { sources: [], defaultMode: 0 };
  const files: ProjectedFile[] = [];
  for (const source of sources) {
    for (const kind of ['configMap', 'secret'] as const) {
      const projection = source[kind];
      if (!projection) continue;
      const data = await from.config(kind, projection.name, projection.optional);
      files.push(...projectedFiles(data, { ...projection, defaultMode }));
    }
    files.push(...downwardFiles(source.downwardAPI?.items ?? [], defaultMode, from));
    if (source.serviceAccountToken)
      files.push(await tokenFile(source.serviceAccountToken, defaultMode, from));
  }
  return lastOfEach(files);
}

async function tokenFile(
  { path, ...wish }: NonNullable<ProjectedSource['serviceAccountToken']>,
  mode: number,
  { node, record }: FileSources,
): Promise<ProjectedFile> {
  if (!node.apiAccess) throw new Error('this node has no tokens of service accounts');
  return { path, mode, content: Buffer.from(await node.apiAccess.token(record, wish)) };
}

function downwardFiles(
  items: readonly DownwardItem[],
  defaultMode: number,
  { node, record }: FileSources,
): ProjectedFile[] {
  return items.map(({ path, fieldRef, resourceFieldRef, mode = defaultMode }) => {
    const text = fieldRef
      ? fieldValue(fieldRef, record, node)
      : resourceValue(resourceFieldRef ?? { resource: '' }, record, { node });
    return { path, mode, content: Buffer.from(text) };
  });
}

/** What two sources put at one path, the later of them wins. */
function lastOfEach(files: readonly ProjectedFile[]): ProjectedFile[] {
  return [...new Map(files.map((file) => [file.path, file])).values()];
}
