/** Conditions: what is true of an object right now, each with since when and why (Kubernetes' metav1.Condition). */
import { timestamp } from './object-meta.ts';

export interface Condition {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  /** When `status` last changed; RFC 3339. */
  lastTransitionTime?: string;
  lastHeartbeatTime?: string;
  /** One CamelCase word for machines. */
  reason?: string;
  message?: string;
  observedGeneration?: number;
}

export type NewCondition = Omit<Condition, 'lastTransitionTime'>;

/** Returns the list with `next` in it; the transition time moves only when the status does. */
export function withCondition(
  conditions: readonly Condition[] = [],
  next: NewCondition,
  nowMs: number,
): Condition[] {
  const previous = conditions.find(({ type }) => type === next.type);
  const sameStatus = previous?.status === next.status && previous.lastTransitionTime !== undefined;
  const lastTransitionTime = sameStatus ? previous.lastTransitionTime : timestamp(nowMs);
  const merged: Condition = { ...next, ...(lastTransitionTime === undefined ? {} : { lastTransitionTime }) };
  return previous
    ? conditions.map((condition) => (condition === previous ? merged : condition))
    : [...conditions, merged];
}

export function conditionOf(
  conditions: readonly Condition[] | undefined,
  type: string,
): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

export function isConditionTrue(conditions: readonly Condition[] | undefined, type: string): boolean {
  return conditionOf(conditions, type)?.status === 'True';
}
