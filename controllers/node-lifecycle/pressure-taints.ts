/** A node that runs out of something gets no more tasks: its conditions as taints. Pure. */
import type { Taint } from '../../api/kinds/node.ts';
import type { Node } from '../../api/kinds/resources.ts';
import { taints } from '../../api/kinds/taints.ts';
import { isConditionTrue } from '../../api/meta/conditions.ts';

const keys: Readonly<Record<string, string>> = {
  MemoryPressure: taints.memoryPressure,
  DiskPressure: taints.diskPressure,
  PIDPressure: taints.pidPressure,
};

/** All taints the node is to have; undefined when it has them. */
export function pressureTaints({ spec, status }: Node): Taint[] | undefined {
  const present = spec.taints ?? [];
  const wanted = Object.entries(keys)
    .filter(([condition]) => isConditionTrue(status.conditions, condition))
    .map(([, key]) => key);
  const ours = new Set(Object.values(keys));
  const kept = present.filter(({ key }) => !ours.has(key) || wanted.includes(key));
  const missing = wanted.filter((key) => !present.some((taint) => taint.key === key));
  if (kept.length === present.length && missing.length === 0) return undefined;
  return [...kept, ...missing.map((key) => ({ key, effect: 'NoSchedule' as const }))];
}
