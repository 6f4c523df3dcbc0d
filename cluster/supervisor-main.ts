/** Process entry of the supervisor: `supervisor-main.js <cluster> <gantry home>`. SIGHUP reads cluster.json anew. */
import { fileURLToPath } from 'node:url';
import pino from 'pino';
import { systemClock } from '../api/meta/clock.ts';
import { clusterHome, readRecord } from './cluster-home.ts';
import { type Part, partsOf } from './parts.ts';
import { identify } from './process-identity.ts';
import { Supervisor } from './supervisor.ts';

const [name = 'dev', gantryHome = ''] = process.argv.slice(2);
const home = clusterHome(name, { home: '', gantryHome, isRoot: process.getuid?.() === 0 });
const installation = { node: process.execPath, dist: fileURLToPath(new URL('..', import.meta.url)) };
const logger = pino({ name: 'supervisor' });
const self = identify(process.pid);
if (!self) throw new Error('this process cannot be identified');

async function currentParts(): Promise<Part[]> {
  const record = await readRecord(home);
  return record ? partsOf(home, record, installation) : [];
}

const supervisor = new Supervisor(home, { clock: systemClock, logger, self });
await supervisor.start(await currentParts());

process.on('SIGHUP', () => {
  currentParts().then(
    (parts) => supervisor.setParts(parts),
    (error: unknown) =>
      logger.error({ err: error }, 'cluster.json cannot be read; going on with the parts known'),
  );
});
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    supervisor.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
}
