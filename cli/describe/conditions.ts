/** Conditions and events as tables, common to all descriptions. */
import type { Event } from '../../api/kinds/resources.ts';
import type { Condition } from '../../api/meta/conditions.ts';
import { age } from '../age.ts';
import type { Entry } from './outline.ts';

export function conditionEntries(conditions: readonly Condition[] = [], nowMs: number): Entry[] {
  if (conditions.length === 0) return [];
  const rows = conditions.map(({ type, status, lastTransitionTime, reason = '', message = '' }) => [
    type,
    status,
    lastTransitionTime ? age(lastTransitionTime, nowMs) : '',
    reason,
    message,
  ]);
  return [{ key: 'Conditions', rows: [['TYPE', 'STATUS', 'SINCE', 'REASON', 'MESSAGE'], ...rows] }];
}

/** Oldest first: what happened last stands at the end of the screen. */
export function eventEntries(events: readonly Event[], nowMs: number): Entry[] {
  if (events.length === 0) return [{ key: 'Events', value: '<none>' }];
  const sorted = [...events].sort(byTime);
  const rows = sorted.map((event) => [
    event.type ?? '',
    event.reason ?? '',
    ageText(event, nowMs),
    event.source?.component ?? event.reportingComponent ?? '',
    event.message?.trim().replace(/\s*\n\s*/g, ' ') ?? '',
  ]);
  return [{ key: 'Events', rows: [['TYPE', 'REASON', 'AGE', 'FROM', 'MESSAGE'], ...rows] }];
}

/** Times have whole seconds; within one, the order of the writes says more than that of the names. */
function byTime(left: Event, right: Event): number {
  const byVersion = (left.metadata.resourceVersion ?? '').localeCompare(
    right.metadata.resourceVersion ?? '',
    'en',
    { numeric: true },
  );
  return lastSeen(left).localeCompare(lastSeen(right)) || byVersion;
}

function lastSeen({ series, lastTimestamp, eventTime, metadata }: Event): string {
  return series?.lastObservedTime ?? lastTimestamp ?? eventTime ?? metadata.creationTimestamp ?? '';
}

function ageText(event: Event, nowMs: number): string {
  const count = event.series?.count ?? event.count ?? 1;
  const last = age(lastSeen(event), nowMs);
  return count > 1 && event.firstTimestamp
    ? `${last} (x${count} over ${age(event.firstTimestamp, nowMs)})`
    : last;
}
