/**
 * A process to be killed: writes pairs of keys to an embedded store, 32 at a time, and says of each what
 * was acknowledged: one line `revision first second value`.
 */
import { systemClock } from '../../api/meta/clock.ts';
import { silentLogger } from '../../api/meta/logger.ts';
import { openEmbeddedStore } from '../../api/store/embedded-store.ts';
import { put, write } from './backend.ts';

const [directory = '', round = ''] = process.argv.slice(2);

async function writePairs(writer: number): Promise<never> {
  for (let turn = 0; ; turn++) {
    const [first, second] = [`pair/${writer}/left`, `pair/${writer}/right`];
    const value = `${round}-${writer}-${turn}`;
    const revision = await write(store, put(first, value), put(second, value));
    process.stdout.write(`${revision} ${first} ${second} ${value}\n`);
  }
}

const store = await openEmbeddedStore(directory, {
  clock: systemClock,
  logger: silentLogger,
  compactEverySeconds: 0,
});
await Promise.all(Array.from({ length: 32 }, (_, writer) => writePairs(writer)));
