import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../api/meta/clock.ts';
import { SimilarEvents } from '../../client/similar-events.ts';

/** `a1` is message 1 of group a; `+90` lets so many seconds pass. */
async function told(story: string): Promise<string> {
  const clock = new VirtualClock(0);
  const similar = new SimilarEvents({ clock, most: 3, windowMs: 60_000 });
  const answers: string[] = [];
  for (const word of story.split(' ')) {
    if (word.startsWith('+')) await clock.advance(Number(word) * 1000);
    else answers.push(similar.areMany(word.slice(0, 1), word.slice(1)) ? 'many' : word);
  }
  return answers.join(' ');
}

describe('similar events', () => {
  test.each([
    ['are told one by one while they are few', 'a1 a2', 'a1 a2'],
    ['are told together once they are many', 'a1 a2 a3 a4 a5', 'a1 a2 many many many'],
    ['are no more for being told again', 'a1 a1 a1 a1 a2', 'a1 a1 a1 a1 a2'],
    ['are many by group', 'a1 b1 a2 b2 a3 b2', 'a1 b1 a2 b2 many b2'],
    ['are few again when the last is long ago', 'a1 a2 a3 +61 a4 a5 a6', 'a1 a2 many a4 a5 many'],
    ['stay many while they go on', 'a1 a2 a3 +59 a4 +59 a5', 'a1 a2 many many many'],
  ])('%s', async (_what, story, expected) => {
    expect(await told(story)).toBe(expected);
  });
});
