import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { byteOrder, SortedMap } from '../../api/store/sorted-map.ts';

describe('the sorted map', () => {
  test('behaves like a plain map that is sorted when it is read', () => {
    const step = fc.record({ key: fc.nat(3_000), remove: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 4_000, size: 'max' }),
        fc.nat(3_000),
        fc.nat(2_000),
        (steps, from, width) => {
          const map = new SortedMap<number>();
          const model = new Map<string, number>();
          for (const [at, { key, remove }] of steps.entries()) {
            const name = String(key).padStart(4, '0');
            if (remove) {
              map.delete(name);
              model.delete(name);
            } else {
              map.set(name, at);
              model.set(name, at);
            }
          }
          const start = String(from).padStart(4, '0');
          const end = String(from + width).padStart(4, '0');
          const scanned: number[] = [];
          map.scan(start, width === 0 ? undefined : end, (value) => scanned.push(value));
          const inRange = [...model].filter(([key]) => key >= start && (width === 0 || key < end)).sort();
          expect(scanned).toEqual(inRange.map(([, value]) => value));
          expect(map.size).toBe(model.size);
          for (const [key, value] of model) expect(map.get(key)).toBe(value);
        },
      ),
      { numRuns: 30 },
    );
  });

  test('byte order is the order of the UTF-8 bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (left, right) => {
        const [a, b] = [byteOrder(left), byteOrder(right)];
        expect(Math.sign(a < b ? -1 : a > b ? 1 : 0)).toBe(
          Buffer.compare(Buffer.from(left), Buffer.from(right)),
        );
      }),
    );
  });
});
