/** Which ConfigMaps and Secrets a node may read: those that tasks bound to it, and not over, refer to. */
import type { Task } from '../kinds/task.ts';
import { isTerminal, type TaskPhase } from '../kinds/task-phase.ts';
import { taskReferences } from '../kinds/task-references.ts';
import type { Backend } from './call.ts';

/** Looked up in the watch cache. The nodes of tasks are indexed with them, so only a node's own are parsed. */
export function isReferencedFrom(
  { cache, kinds }: Pick<Backend, 'cache' | 'kinds'>,
  node: string,
  { plural, namespace, name }: { plural: string; namespace: string | undefined; name: string },
): boolean {
  const tasks = kinds.byPlural('gantry.dev', 'v1', 'tasks');
  if (!tasks || namespace === undefined) return false;
  for (const cached of cache.kind(tasks.kind).list({ namespace })) {
    if (cached.field(tasks.kind, 'spec.nodeName') !== node) continue;
    if (isTerminal(cached.field(tasks.kind, 'status.phase') as TaskPhase | undefined)) continue;
    const { configMaps, secrets } = taskReferences((cached.parse() as unknown as Task).spec);
    if ((plural === 'secrets' ? secrets : configMaps).has(name)) return true;
  }
  return false;
}
