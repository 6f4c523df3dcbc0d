/**
 * Brings running containers to the resources their task has been admitted: through the runtime and the task's
 * own group, or by a restart where a container's resizePolicy wants one. Part of the runner's turn.
 *
 * Invariant: the task's group is never tighter than a container in it: it grows before they do, and shrinks
 * after them.
 */

import { isDeepStrictEqual } from 'node:util';
import type { Container } from '../../api/kinds/task-spec.ts';
import { formatBytes, resourceAmounts } from '../../api/meta/quantity.ts';
import type { Happening } from '../../client/event-recorder.ts';
import { taskCgroup } from '../hooks/cgroup.ts';
import type { NodeFacts } from '../hooks/hook.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { containerLimits, qosClass, wholeTaskLimits } from './limits.ts';
import { type ContainerRecord, containerSpec, type TaskRecord } from './task-record.ts';

type Resources = Container['resources'];
type Running = Extract<ContainerRecord['life'], { state: 'running' }>;

export type ResizeDecision =
  | { do: 'nothing' | 'apply' | 'restart' }
  /** The container uses more memory than it may have then. */
  | { do: 'wait'; message: string };

/** Pure. `usedBytes`: its working set. */
export function decideResize(current: Resources, container: Container, usedBytes: number): ResizeDecision {
  const wanted = container.resources;
  if (isDeepStrictEqual(current, wanted)) return { do: 'nothing' };
  const changed = ['cpu', 'memory'].filter(
    (name) =>
      current.limits?.[name] !== wanted.limits?.[name] ||
      current.requests?.[name] !== wanted.requests?.[name],
  );
  const wantsRestart = (container.resizePolicy ?? []).some(
    ({ resourceName, restartPolicy }) =>
      restartPolicy === 'RestartContainer' && changed.includes(resourceName),
  );
  if (wantsRestart) return { do: 'restart' };
  const [before, limit] = [
    resourceAmounts(current.limits)['memory'],
    resourceAmounts(wanted.limits)['memory'],
  ];
  const shrinks = limit !== undefined && (before === undefined || limit < before);
  if (shrinks && usedBytes >= limit) {
    const used = formatBytes(Math.ceil(usedBytes / 1024) * 1024);
    return {
      do: 'wait',
      message: `container ${container.name} uses ${used} of memory, more than its new limit of ${wanted.limits?.['memory']}`,
    };
  }
  return { do: 'apply' };
}

export interface ResizerOptions {
  node: NodeFacts;
  runtime: Pick<Runtime, 'update'>;
  save: () => Promise<void>;
  onEvent: (type: Happening['type'], reason: string, message: string) => void;
  nowMs: () => number;
}

export class Resizer {
  readonly #record: TaskRecord;
  readonly #options: ResizerOptions;

  constructor(record: TaskRecord, options: ResizerOptions) {
    this.#record = record;
    this.#options = options;
  }

  async attend(): Promise<void> {
    const open = this.#record.containers.flatMap((container) => {
      const { life } = container;
      // Reading what it uses costs more than all the rest of a turn in which nothing happens.
      if (isInPlace(this.#record, container)) return [];
      if (life.state !== 'running' || life.stop || !life.resources) return [];
      const spec = containerSpec(this.#record, container);
      const decision = decideResize(life.resources, spec, this.#usedBytes(life.cid));
      return [{ container, life, spec, decision }];
    });
    if (open.length === 0) return;
    if (open.some(({ decision }) => decision.do === 'apply')) await this.#limitTask('loosen');
    for (const { life, spec, decision } of open) await this.#act(life, spec, decision);
    if (this.#record.containers.every((container) => isInPlace(this.#record, container)))
      await this.#limitTask('exact');
    await this.#options.save();
  }

  async #act(life: Running, spec: Container, decision: ResizeDecision): Promise<void> {
    const { node, runtime, onEvent, nowMs } = this.#options;
    const before = life.resizeProblem;
    delete life.resizeProblem;
    if (decision.do === 'wait') life.resizeProblem = decision.message;
    if (decision.do === 'restart') {
      const { terminationGracePeriodSeconds: graceSeconds } = this.#record.task.spec;
      life.stop = { sinceMs: nowMs(), graceSeconds, message: 'restarted with new resources' };
    }
    if (decision.do === 'apply') {
      const limits = containerLimits(spec, node.memoryBytes, qosClass(this.#record.task.spec));
      const problem = await runtime.update(life.cid, limits);
      if (problem === undefined) {
        life.resources = spec.resources;
        onEvent('Normal', 'Resized', `container ${spec.name} has its new resources`);
      } else life.resizeProblem = `container ${spec.name}: ${problem}`;
    }
    const { resizeProblem } = life;
    if (resizeProblem && !before) onEvent('Warning', 'ResizeError', resizeProblem);
  }

  /** `loosen`: at least as much as containers have now and will have. */
  async #limitTask(how: 'loosen' | 'exact'): Promise<void> {
    const { node } = this.#options;
    if (!node.cgroups) return;
    const { task, containers } = this.#record;
    const exact = wholeTaskLimits(task.spec, node.memoryBytes);
    const now = task.spec.containers.map((container) => {
      const life = containers.find(({ name }) => name === container.name)?.life;
      return life?.state === 'running' && life.resources
        ? { ...container, resources: life.resources }
        : container;
    });
    const before = wholeTaskLimits({ ...task.spec, containers: now }, node.memoryBytes);
    const both = (name: 'cpuMilli' | 'memoryBytes') =>
      exact[name] === undefined || before[name] === undefined
        ? {}
        : { [name]: Math.max(exact[name], before[name]) };
    const { cpuShares, pids } = exact;
    const loose = { cpuShares, pids, ...both('cpuMilli'), ...both('memoryBytes') };
    await node.cgroups.limit(taskCgroup(node, this.#record), how === 'exact' ? exact : loose);
  }

  #usedBytes(cid: string): number {
    const { node } = this.#options;
    return node.cgroups?.usage(`${taskCgroup(node, this.#record)}/${cid}`).workingSetBytes ?? 0;
  }
}

/** Whether a container runs with what its task has been admitted, as far as it runs. */
export function isInPlace(record: Pick<TaskRecord, 'task'>, container: ContainerRecord): boolean {
  const { life } = container;
  if (life.state !== 'running' || !life.resources) return true;
  return isDeepStrictEqual(life.resources, containerSpec(record, container).resources);
}
