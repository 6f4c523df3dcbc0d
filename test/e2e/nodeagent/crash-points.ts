/**
 * Where an agent is killed: before, during and after everything it does to the machine, to its records or to the
 * API server in the life of one task, in the order of that life.
 */

export const phases = ['create', 'start', 'stop', 'delete'] as const;
export type Phase = (typeof phases)[number];
export type Moment = 'before' | 'during' | 'after';

export interface CrashPoint {
  phase: Phase;
  moment: Moment;
  /** `what.method`, a key of the table in crashing-agent.ts. */
  step: string;
  /** In which state of the task's only container; absent: any. */
  life?: string;
}

const hooks = [
  ...['ports', 'devices', 'image', 'process', 'network', 'users', 'environment'],
  ...['limits', 'log', 'volumes', 'names', 'termination', 'fence', 'cgroup'],
];

function around(phase: Phase, step: string, life?: string): CrashPoint[] {
  return (['before', 'after'] as const).map((moment) => ({ phase, moment, step, ...(life ? { life } : {}) }));
}

/** What takes its time: killed in the midst of it, too. */
function through(phase: Phase, step: string, life?: string): CrashPoint[] {
  const [before, after] = around(phase, step, life) as [CrashPoint, CrashPoint];
  return [before, { ...before, moment: 'during' }, after];
}

/** What is between two of these is much like one of them: the short run leaves it out. */
const telling: ReadonlySet<string> = new Set([
  'before hook.network',
  'before hook.fence',
  'after records.save (starting)',
  'after runtime.create',
  'after runtime.start',
  'before client.patch (Running)',
  'after records.save (signalled)',
  'after runtime.signal',
  'before records.save (ended)',
  'before records.save (cleaned)',
  'before client.delete',
  'before records.remove',
]);

/** Those that every run tries; GANTRY_CRASH_POINTS=all tries all. */
export function isTelling(point: CrashPoint): boolean {
  return point.moment === 'during' || telling.has(nameOf(point));
}

export const crashPoints: readonly CrashPoint[] = [
  ...hooks.map((hook): CrashPoint => ({ phase: 'create', moment: 'before', step: `hook.${hook}` })),
  ...through('create', 'networks.ensure'),
  { phase: 'create', moment: 'during', step: 'hook.volumes' },
  ...around('create', 'records.save', 'starting'),
  ...through('create', 'runtime.create'),
  ...through('start', 'runtime.start'),
  ...around('start', 'records.save', 'running'),
  ...around('start', 'client.patch', 'Running'),
  ...around('stop', 'records.save', 'signalled'),
  ...through('stop', 'runtime.signal'),
  ...around('stop', 'records.save', 'ended'),
  ...through('stop', 'runtime.delete'),
  ...through('delete', 'cgroups.remove'),
  ...around('delete', 'fence.unlist'),
  ...through('delete', 'networks.remove'),
  ...around('delete', 'records.save', 'cleaned'),
  ...around('delete', 'client.delete'),
  ...around('delete', 'records.remove'),
];

export function nameOf({ moment, step, life }: CrashPoint): string {
  return `${moment} ${step}${life === undefined ? '' : ` (${life})`}`;
}
