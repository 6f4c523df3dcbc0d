/**
 * How many nodes of a zone are down, and what that allows (Kubernetes' node lifecycle controller,
 * contract R9): when much of a zone is gone at once, the network is the likelier culprit than the nodes.
 *
 *   normal ──▶ at the normal rate
 *   partial (more than 2 and ≥ 55 % down) ──▶ at a tenth of it, not at all in a zone of ≤ 50 nodes
 *   full ──▶ at the normal rate while another zone lives
 *   every zone full ──▶ nothing is given up; when that ends, every node gets a whole new grace
 *
 * A token bucket of one per zone: a single node down is dealt with at once.
 */

export type ZoneState = 'normal' | 'partial' | 'full';

export interface EvictionRates {
  /** Nodes per second whose tasks are given up. */
  normalPerSecond: number;
  partialPerSecond: number;
  /** Share of nodes down from which a zone is partially disrupted. */
  unhealthyShare: number;
  /** A partially disrupted zone of at most so many nodes gives up nothing. */
  smallZoneNodes: number;
}

export const defaultRates: EvictionRates = {
  normalPerSecond: 0.1,
  partialPerSecond: 0.01,
  unhealthyShare: 0.55,
  smallZoneNodes: 50,
};

export interface ZoneCount {
  nodes: number;
  down: number;
}

export interface Bucket {
  /** 0 to 1; a whole one pays for one node. */
  tokens: number;
  atMs: number;
}

export function zoneStateOf({ nodes, down }: ZoneCount, { unhealthyShare }: EvictionRates): ZoneState {
  if (nodes > 0 && down === nodes) return 'full';
  return down > 2 && down / nodes >= unhealthyShare ? 'partial' : 'normal';
}

export function ratePerSecond(count: ZoneCount, rates: EvictionRates): number {
  if (zoneStateOf(count, rates) !== 'partial') return rates.normalPerSecond;
  return count.nodes > rates.smallZoneNodes ? rates.partialPerSecond : 0;
}

export function refill(bucket: Bucket | undefined, perSecond: number, nowMs: number): Bucket {
  if (!bucket) return { tokens: 1, atMs: nowMs };
  const tokens = Math.min(1, bucket.tokens + ((nowMs - bucket.atMs) / 1000) * perSecond);
  return { tokens, atMs: nowMs };
}
