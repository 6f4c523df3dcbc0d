/** Which containers get cores of their own, and which cores. Pure. */
import type { TaskSpec } from '../../api/kinds/task.ts';
import { qosClass } from '../../api/kinds/task-qos.ts';
import type { Container } from '../../api/kinds/task-spec.ts';
import { resourceAmounts } from '../../api/meta/quantity.ts';

/** kubelet's rule: whole cores of a Guaranteed task. 0: it shares. */
export function ownCpuCount(
  task: Pick<TaskSpec, 'containers' | 'initContainers'>,
  container: Container,
): number {
  const milli = resourceAmounts(container.resources.limits)['cpu'] ?? 0;
  return milli > 0 && milli % 1000 === 0 && qosClass(task) === 'Guaranteed' ? milli / 1000 : 0;
}

/**
 * `count` of the free logical cpus; undefined when there are fewer. Whole physical cores first, so that as few
 * tasks as possible share one; `coreOf` names the core a cpu is a thread of.
 */
export function chooseCpus(
  free: readonly number[],
  count: number,
  coreOf: (cpu: number) => string,
): number[] | undefined {
  if (free.length < count) return undefined;
  const cores = new Map<string, number[]>();
  for (const cpu of free) cores.set(coreOf(cpu), [...(cores.get(coreOf(cpu)) ?? []), cpu]);
  const chosen: number[] = [];
  for (const threads of [...cores.values()].sort((left, right) => right.length - left.length))
    if (chosen.length + threads.length <= count) chosen.push(...threads);
  const rest = free.filter((cpu) => !chosen.includes(cpu));
  return [...chosen, ...rest.slice(0, count - chosen.length)].sort((left, right) => left - right);
}
