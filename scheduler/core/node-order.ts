/**
 * Which of equal nodes goes first. One order for all schedulers would send them all to the same node at the same
 * time, each but one in vain; so those beside the default one each have an order of their own, drawn from their
 * names, and always the same.
 *
 * Invariant: how two names compare depends on nothing else, so nodes that come or go leave the others in order.
 */
import { DecisionHash } from './decision-hash.ts';

/** As Array.sort has it; 0 for equal names alone. */
export type NodeOrder = (left: string, right: string) => number;

export const byName: NodeOrder = (left, right) => (left < right ? -1 : Number(left > right));

export function orderOf(scheduler: string): NodeOrder {
  const drawn = new Map<string, string>();
  const drawnOf = (name: string): string => {
    let text = drawn.get(name);
    if (text === undefined) drawn.set(name, (text = drawFor(scheduler, name)));
    return text;
  };
  return (left, right) => byName(drawnOf(left), drawnOf(right)) || byName(left, right);
}

function drawFor(scheduler: string, node: string): string {
  const hash = new DecisionHash();
  hash.add(node, scheduler);
  return hash.toString();
}
