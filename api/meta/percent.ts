/** Counts that may be shares: `2` or `"25%"` of a whole. */

export function resolveCount(value: number | string, whole: number, round: 'up' | 'down'): number {
  if (typeof value === 'number') return value;
  const exact = (Number.parseInt(value, 10) * whole) / 100;
  return round === 'up' ? Math.ceil(exact) : Math.floor(exact);
}
