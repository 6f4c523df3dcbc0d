/** The corpus and some thousand inputs made from it, the same in every run. Longer: `npm run fuzz`. */
import { describe, expect, test } from 'vitest';
import { fuzz } from './fuzzer.ts';
import { targets } from './targets.ts';

const inputs = 3000;

describe('whatever is sent as', () => {
  test.each(targets.map((target) => [target.name, target] as const))(
    '%s is taken for what it is, or refused',
    { timeout: 120_000 },
    (_name, target) => {
      const { failure } = fuzz(target, { seed: 1, goOn: (tried) => tried < inputs });
      expect(failure && `${JSON.stringify(failure.input)}: ${String(failure.error)}`).toBeUndefined();
    },
  );
});

describe('the fuzzer', () => {
  test('finds what is wrong and makes it small', () => {
    const target = {
      ...targets[0]!,
      check: (input: string) => {
        if (input.includes('!')) throw new Error('found');
      },
    };
    expect(fuzz(target, { seed: 1, goOn: (tried) => tried < inputs }).failure?.input).toBe('!');
  });

  test('makes the same inputs of the same seed', () => {
    const made = (seed: number): string[] => {
      const inputsMade: string[] = [];
      fuzz(
        { ...targets[2]!, check: (input) => void inputsMade.push(input) },
        { seed, goOn: (tried) => tried < 200 },
      );
      return inputsMade;
    };
    expect(made(3)).toEqual(made(3));
    expect(made(3)).not.toEqual(made(4));
  });
});
