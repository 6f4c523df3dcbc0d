/** Wraps what an agent's process is made of, so that it kills itself at the point $CRASH_AT names, once it gets there. */
import { systemClock } from '../../../api/meta/clock.ts';
import { HttpClient } from '../../../client/http-client.ts';
import { CgroupsV1 } from '../../../nodeagent/cgroup/cgroups-v1.ts';
import { CgroupsV2 } from '../../../nodeagent/cgroup/cgroups-v2.ts';
import { Fence } from '../../../nodeagent/fence/fence.ts';
import { startHooks } from '../../../nodeagent/hooks/hook.ts';
import { TaskNetworks } from '../../../nodeagent/network/task-networks.ts';
import { OciRuntime } from '../../../nodeagent/runtime/oci/oci-runtime.ts';
import type { TaskRecord } from '../../../nodeagent/task/task-record.ts';
import { TaskRecords } from '../../../nodeagent/task/task-records.ts';
import { crashPoints, nameOf } from './crash-points.ts';

/** How the task's only container was when its record was last saved. */
let life: string | undefined;

/** So long after it began, what takes its time is under way. */
const underWayMs = 10;

const point = crashPoints.find((each) => nameOf(each) === process.env['CRASH_AT']);
type Method = (...args: never[]) => Promise<unknown>;

/** What the methods of a step are on. */
const parts: Record<string, readonly object[]> = {
  runtime: [OciRuntime.prototype],
  records: [TaskRecords.prototype],
  cgroups: [CgroupsV1.prototype, CgroupsV2.prototype],
  networks: [TaskNetworks.prototype],
  fence: [Fence.prototype],
  client: [HttpClient.prototype],
};

function arm(step: string): void {
  const [part = '', method = ''] = step.split('.');
  if (part === 'hook') {
    const hooks = startHooks as unknown as Method[];
    const at = hooks.findIndex(({ name }) => name === `${method}Hook`);
    hooks[at] = deadly(hooks[at] as Method);
    return;
  }
  for (const prototype of parts[part] ?? []) {
    const original = Reflect.get(prototype, method) as Method;
    Reflect.set(prototype, method, deadly(original));
  }
}

function deadly(original: Method): Method {
  return async function (this: unknown, ...args: never[]) {
    if (!isThere(args)) return original.apply(this, args);
    if (point?.moment === 'before') die();
    if (point?.moment === 'during') systemClock.after(underWayMs, die);
    const result = await original.apply(this, args);
    die();
    return result;
  };
}

function die(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** Whether the call is about a task in the state of the point. A start, too, begins by removing what is left. */
function isThere(args: readonly unknown[]): boolean {
  if (point?.phase === 'delete' && life !== 'ended' && life !== 'cleaned' && !point.life) return false;
  if (point?.step === 'client.patch') return JSON.stringify(args[2])?.includes('"phase":"Running"') ?? false;
  if (point?.step === 'client.delete') return true;
  return point?.life === undefined || lifeOf(args[0] as TaskRecord) === point.life;
}

function lifeOf({ containers, cleaned }: TaskRecord): string | undefined {
  const life = containers[0]?.life;
  if (cleaned) return 'cleaned';
  return life?.state === 'running' && life.signalled ? 'signalled' : life?.state;
}

function noteLives(): void {
  const { save } = TaskRecords.prototype;
  TaskRecords.prototype.save = function (record) {
    life = lifeOf(record);
    return save.call(this, record);
  };
}

noteLives();
if (point) arm(point.step);
