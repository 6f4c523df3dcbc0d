/** A gang: tasks of one job that are placed together or not at all. Part of Job, and of each of its tasks. */
import type { Static } from 'typebox';
import type { Cause } from '../meta/api-error.ts';
import { qualifiedNameError } from '../meta/names.ts';
import { closedObject, count, optional, text } from './shapes.ts';

/** They are bound in one transaction of the store, which takes so many. */
const maxMinMember = 500;

export const gangShape = closedObject(
  {
    minMember: count('So many tasks are placed at once, or none; more of them as there is room.', {
      minimum: 1,
      maximum: maxMinMember,
    }),
    topologyKey: optional(
      text(
        'Label of nodes: all tasks that are placed at once go to nodes of one value. Default: near each other where that is possible.',
      ),
    ),
  },
  { description: 'All or nothing: tasks that are of no use without each other.' },
);

export type Gang = Static<typeof gangShape>;

/** `atOnce`: how many tasks of the job may be there at the same time. */
export function gangCauses(gang: Gang | undefined, atOnce: number): Cause[] {
  if (!gang) return [];
  const { minMember, topologyKey } = gang;
  const causes: Cause[] = [];
  if (minMember > atOnce)
    causes.push({
      field: 'spec.gang.minMember',
      message: `must not exceed ${atOnce}, the tasks that may be there at once: none would ever start`,
    });
  const problem = topologyKey === undefined ? undefined : qualifiedNameError(topologyKey);
  if (problem) causes.push({ field: 'spec.gang.topologyKey', message: problem });
  return causes;
}
