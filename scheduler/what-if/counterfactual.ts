/**
 * What would let a pending task be placed. An idea is a guess about what stands in its way; a counterfactual
 * is an idea that was tried on a fork of the cell and worked.
 */
import type { Assumption } from './forked-cell.ts';

/** One word; those of relaxations are the plugins' to choose. */
export type IdeaKind = string;

export interface Idea {
  kind: IdeaKind;
  /** Begins with "if" or "when": `if node n1 were uncordoned`. */
  text: string;
  assumption: Assumption;
}

export interface Counterfactual {
  /** Several: they work together, not alone. */
  kinds: readonly IdeaKind[];
  text: string;
  /** Where the task would go then. */
  node: string;
  /** With these the core placed the task; for whoever wants to try again. */
  assumptions: readonly Assumption[];
}
