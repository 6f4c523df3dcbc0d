import { expect, test } from 'vitest';
import { LiveReadPacer } from '../../../controllers/job/live-read-pacer.ts';

test('a job that was never read live may be read at once', () => {
  expect(new LiveReadPacer().pauseMs('default/web', 0)).toBe(0);
});

test('reads that find nothing to do grow rarer, down to one in 640 ms', () => {
  const pacer = new LiveReadPacer();
  const pauses = Array.from({ length: 7 }, () => {
    pacer.note('default/web', { isFruitless: true, nowMs: 1000 });
    return pacer.pauseMs('default/web', 1000);
  });
  expect(pauses).toEqual([40, 80, 160, 320, 640, 640, 640]);
});

test('a read that found work, or a cache that asks for nothing, begins anew', () => {
  const pacer = new LiveReadPacer();
  for (let read = 0; read < 5; read++) pacer.note('default/web', { isFruitless: true, nowMs: 0 });
  pacer.note('default/web', { isFruitless: false, nowMs: 0 });
  expect(pacer.pauseMs('default/web', 0)).toBe(20);
  expect(pacer.pauseMs('default/web', 20)).toBe(0);
  pacer.forget('default/web');
  expect(pacer.pauseMs('default/web', 0)).toBe(0);
});
