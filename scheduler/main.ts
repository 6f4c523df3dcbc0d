/**
 * The scheduler process: watches from the start, decides while it holds its Lease, so that a stand-by with
 * a warm cache takes over at once. Schedulers of different names run side by side, each with its own Lease.
 *
 *   scheduler/main --kubeconfig <file> [--name default-scheduler] [--identity <id>]
 *                  [--profile pack|spread|hybrid|segregate|best-fit] [--plugins file.ts|file.js] [--metrics-address 127.0.0.1:10259]
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { systemNamespace } from '../api/kinds/names.ts';
import { connect } from '../client/http-client.ts';
import { loadClusterConfig } from '../client/kubeconfig.ts';
import { LeaderElection } from '../client/leader-election.ts';
import { runProcess, terminated } from '../client/process-life.ts';
import { serveDebug } from './debug-server.ts';
import { chooseProfile } from './profile-choice.ts';
import { defaultName, leaseNameOf, Scheduler } from './scheduler.ts';

const component = 'gantry-scheduler';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      kubeconfig: { type: 'string' },
      name: { type: 'string', default: defaultName },
      identity: { type: 'string' },
      profile: { type: 'string' },
      plugins: { type: 'string' },
      'metrics-address': { type: 'string' },
    },
  });
  if (!values.kubeconfig) throw new RangeError('--kubeconfig is required');
  const { name } = values;
  const identity = values.identity ?? `${hostname()}_${randomUUID()}`;
  const logger = pino({ name: component });
  const client = connect(await loadClusterConfig([values.kubeconfig]));
  const scheduler = new Scheduler({ client, name, logger, ...(await chooseProfile(values)) });
  const election = new LeaderElection({
    client,
    lease: { namespace: systemNamespace, name: leaseNameOf(name) },
    identity,
    logger,
    onStarted: (signal) => scheduler.lead(election.fence(client), signal),
  });
  const listenOn = values['metrics-address'];
  const debug = listenOn === undefined ? undefined : await serveDebug(scheduler, listenOn);
  scheduler.watch();
  election.start();
  logger.info({ identity, name, ...(debug ? { metricsAddress: debug.address } : {}) }, 'started');
  await terminated();
  await election.stop();
  await scheduler.stop();
  await debug?.close();
  client.close();
  logger.info({ identity, ...scheduler.metrics, decisionHash: scheduler.decisionHash }, 'stopped');
}

runProcess(main);
