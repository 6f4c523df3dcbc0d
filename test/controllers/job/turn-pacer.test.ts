import { expect, test } from 'vitest';
import { TurnPacer } from '../../../controllers/job/turn-pacer.ts';

const key = 'default/web';

test('a job that had no turn yet, and a small one, may take its turn at once', () => {
  const pacer = new TurnPacer();
  expect(pacer.pauseMs(key, 0)).toBe(0);
  pacer.note(key, { tasks: 10, isFruitless: false, nowMs: 0 });
  expect(pacer.pauseMs(key, 0)).toBe(0);
});

test('the changes of a large job are gathered', () => {
  const pacer = new TurnPacer();
  pacer.note(key, { tasks: 3000, isFruitless: false, nowMs: 1000 });
  expect(pacer.pauseMs(key, 1000)).toBe(150);
  expect(pacer.pauseMs(key, 1150)).toBe(0);
  expect(pacer.pauseMs('default/other', 1000)).toBe(0);
});

test('live reads that find nothing to do grow rarer, down to one in 640 ms, until one finds something', () => {
  const pacer = new TurnPacer();
  const pauses = Array.from({ length: 7 }, () => {
    pacer.note(key, { tasks: 10, isFruitless: true, nowMs: 1000 });
    return pacer.pauseMs(key, 1000);
  });
  expect(pauses).toEqual([40, 80, 160, 320, 640, 640, 640]);
  pacer.note(key, { tasks: 10, isFruitless: false, nowMs: 1000 });
  expect(pacer.pauseMs(key, 1000)).toBe(0);
});
