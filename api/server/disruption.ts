/**
 * Disruptions by choice, and what may speak against them: the words of disruption-guard.ts and of the budgets. A refusal
 * names no time to try again: clients of Kubernetes would wait in silence, where `kubectl drain` says why it waits.
 */
import type { ApiError } from '../meta/api-error.ts';

/** A task to end by somebody's choice. */
export interface Disruption {
  key: string;
  /** It goes although its budget cannot spare it, and counts all the same. */
  overrides: boolean;
}

/** One budget over some of the tasks to end. */
export interface DisruptionBudget {
  /** `jobs/<namespace>/<name>`: the plural of its kind, and its key. */
  name: string;
  /** Why it cannot spare them, by what the cache has now; undefined: it can. */
  refusal: () => ApiError | undefined;
}
