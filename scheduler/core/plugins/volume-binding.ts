/**
 * Tasks go where the volumes of their claims are. For a claim without one there must be a node with the room: the
 * API server makes the volume there when it binds the task (kube-scheduler's VolumeBinding for volumes that wait
 * for their first consumer, and of VolumeRestrictions what it says of ReadWriteOncePod).
 */
import { feasible, type Plugin, type Rejection } from '../plugin.ts';
import type { SchedulingTask } from '../scheduling-task.ts';
import type { ResourceColumns, Snapshot } from '../snapshot.ts';

interface FilterState {
  /** Of a claim nobody can have now. */
  problem: string | undefined;
  /** Where volumes are, each with the name of its claim. */
  places: readonly { node: string; claim: string }[];
  /** Of the disk, for volumes that are to be made. */
  bytes: number;
  /** What the task asks for beside them. */
  requested: number;
  disk: ResourceColumns | undefined;
}

const resource = 'ephemeral-storage';

export const volumeBinding = {
  name: 'VolumeBinding',

  preFilter: stateOf,

  filter(state, snapshot, { column, mark }) {
    for (let slot = 0; slot < snapshot.size; slot++)
      if (column[slot] === feasible && refusal(state, snapshot, slot)) column[slot] = mark;
  },

  admits: (state, snapshot, slot) => refusal(state, snapshot, slot) === undefined,

  explain: (state, snapshot, slot) => [refusal(state, snapshot, slot) ?? { reason: '' }],

  relax: (_task, snapshot, { claims = [] }) =>
    claims.map((key) => ({
      kind: 'claim',
      text: `if it did not use ${described(key, snapshot)}`,
      change: ({ volumes = [] }) => ({
        volumes: volumes.filter(
          ({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName !== nameOf(key),
        ),
      }),
    })),

  hint(event, task, snapshot) {
    const state = stateOf(task, snapshot);
    return !state || refusal(state, snapshot, event.slot) === undefined;
  },
} satisfies Plugin<FilterState>;

function stateOf(task: SchedulingTask, snapshot: Snapshot): FilterState | undefined {
  const { claims = [], requests } = task;
  if (claims.length === 0) return undefined;
  const states = claims.map((key) => ({ claim: nameOf(key), ...snapshot.claim(key) }));
  const [bad] = states.filter(({ problem }) => problem !== undefined);
  const bytes = states.reduce((sum, state) => sum + (state.bytes ?? 0), 0);
  return {
    problem: bad && `claim ${bad.claim} ${bad.problem}`,
    places: states.flatMap(({ claim, node }) => (node === undefined ? [] : [{ claim, node }])),
    bytes,
    requested: requests[resource] ?? 0,
    disk: snapshot.resource(resource),
  };
}

function refusal(
  { problem, places, bytes, requested, disk }: FilterState,
  { names, givesVolumes }: Snapshot,
  slot: number,
): Rejection | undefined {
  if (problem !== undefined) return { reason: `of no use while ${problem}` };
  const elsewhere = places.find(({ node }) => node !== names[slot]);
  if (elsewhere) return { reason: `without the volume of claim ${elsewhere.claim}` };
  if (bytes === 0) return undefined;
  if (givesVolumes[slot] !== 1) return { reason: 'without a place for volumes' };
  const missing = requested + bytes - Math.max(0, disk?.free[slot] ?? 0);
  if (missing <= 0) return undefined;
  const allocatable = disk?.allocatable[slot] ?? 0;
  return {
    reason: `insufficient ${resource} for volumes`,
    shortage: { resource, missing, requested: requested + bytes, allocatable },
  };
}

function described(key: string, snapshot: Snapshot): string {
  const { node } = snapshot.claim(key);
  return `claim ${nameOf(key)}${node === undefined ? '' : `, whose volume is on ${node}`}`;
}

function nameOf(key: string): string {
  return key.slice(key.indexOf('/') + 1);
}
