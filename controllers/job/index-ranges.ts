/**
 * Sets of indexes as short text, `0-3,7`: how a batch job's status remembers which indexes succeeded,
 * even when their tasks are gone (Kubernetes' `completedIndexes`).
 *
 * Invariant: `parseRanges(formatRanges(set))` is the set; text that is no ranges gives what could be read.
 */

export function formatRanges(indexes: ReadonlySet<number>): string {
  const ranges: { from: number; to: number }[] = [];
  for (const index of [...indexes].sort((left, right) => left - right)) {
    const last = ranges.at(-1);
    if (last && last.to === index - 1) last.to = index;
    else ranges.push({ from: index, to: index });
  }
  return ranges.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
}

/** Indexes at or above `below` are left out, so that hostile text costs nothing. */
export function parseRanges(text: string, below: number): Set<number> {
  const indexes = new Set<number>();
  for (const range of text.split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(range);
    if (!match) continue;
    const to = Math.min(Number(match[2] ?? match[1]), below - 1);
    for (let index = Number(match[1]); index <= to; index++) indexes.add(index);
  }
  return indexes;
}
