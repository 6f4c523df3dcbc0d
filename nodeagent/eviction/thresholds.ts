/**
 * When a node has too little left: kubelet's signals and thresholds, read from its flags
 * (`memory.available<100Mi,nodefs.available<5%`).
 */
import { ApiError } from '../../api/meta/api-error.ts';
import { isQuantity, wholeUnits } from '../../api/meta/quantity.ts';

export const signals = [
  'memory.available',
  'nodefs.available',
  'nodefs.inodesFree',
  'imagefs.available',
  'pid.available',
] as const;
export type Signal = (typeof signals)[number];

/** An absolute amount, or a share of all there is. */
export type Amount = { units: number } | { share: number };

export interface Threshold {
  signal: Signal;
  less: Amount;
  /** Absent: hard, acted on at once and without grace. */
  graceMs?: number;
  /** How much more must be free again before it counts as past. */
  minReclaim?: Amount;
}

export interface ThresholdFlags {
  hard: string;
  soft: string;
  softGrace: string;
  minimumReclaim: string;
}

export const defaultHard =
  'memory.available<100Mi,nodefs.available<5%,nodefs.inodesFree<5%,imagefs.available<5%,pid.available<5%';

/** Throws ApiError BadRequest naming the flag and what is wrong with it. */
export function parseThresholds({ hard, soft, softGrace, minimumReclaim }: ThresholdFlags): Threshold[] {
  const graces = table('eviction-soft-grace-period', softGrace, '=', milliseconds);
  const reclaims = table('eviction-minimum-reclaim', minimumReclaim, '=', amount);
  const reclaim = (signal: Signal): Pick<Threshold, 'minReclaim'> => {
    const minReclaim = reclaims.get(signal);
    return minReclaim ? { minReclaim } : {};
  };
  const hards = [...table('eviction-hard', hard, '<', amount)].map(([signal, less]) => ({
    ...{ signal, less, ...reclaim(signal) },
  }));
  const softs = [...table('eviction-soft', soft, '<', amount)].map(([signal, less]) => {
    const graceMs = graces.get(signal);
    if (graceMs !== undefined) return { signal, less, graceMs, ...reclaim(signal) };
    throw new ApiError('BadRequest', `--eviction-soft-grace-period must say how long for ${signal}`);
  });
  return [...hards, ...softs];
}

export function amountOf(amount: Amount, capacity: number): number {
  return 'units' in amount ? amount.units : amount.share * capacity;
}

/** `100Mi`, `5%`: as it was written. */
export function amountText(amount: Amount): string {
  return 'units' in amount ? `${amount.units}` : `${Math.round(amount.share * 10_000) / 100}%`;
}

function table<T>(
  flag: string,
  text: string,
  separator: '<' | '=',
  parse: (word: string) => T | undefined,
): Map<Signal, T> {
  const parts = text.split(',').filter(Boolean);
  return new Map(
    parts.map((part) => {
      const [name = '', word = ''] = part.split(separator);
      const signal = signals.find((each) => each === name);
      const value = parse(word);
      if (signal && value !== undefined) return [signal, value];
      throw new ApiError(
        'BadRequest',
        `--${flag}: ${JSON.stringify(part)} is not SIGNAL${separator}AMOUNT with one of ${signals.join(', ')}`,
      );
    }),
  );
}

function amount(word: string): Amount | undefined {
  const percent = /^(\d{1,2}(?:\.\d+)?)%$/.exec(word)?.[1];
  if (percent !== undefined) return { share: Number(percent) / 100 };
  return isQuantity(word) ? { units: wholeUnits(word) } : undefined;
}

const unitsMs: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000 };

/** `90s`, `1m30s`. */
function milliseconds(word: string): number | undefined {
  if (!/^(?:\d{1,6}[smh])+$/.test(word)) return undefined;
  return [...word.matchAll(/(\d+)([smh])/g)].reduce(
    (sum, [, count, unit = 's']) => sum + Number(count) * (unitsMs[unit] ?? 0),
    0,
  );
}
