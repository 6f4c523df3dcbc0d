/**
 * The controllers process: job, endpoints, node lifecycle, garbage collector and namespace, all in one, run by
 * whichever candidate holds the Lease `gantry-controllers`.
 *
 *   controllers/main --kubeconfig <file> [--identity <id>]
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
import { runControllers } from './run-controllers.ts';

const component = 'gantry-controllers';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { kubeconfig: { type: 'string' }, identity: { type: 'string' } },
  });
  if (!values.kubeconfig) throw new RangeError('--kubeconfig is required');
  const identity = values.identity ?? `${hostname()}_${randomUUID()}`;
  const logger = pino({ name: component });
  const client = connect(await loadClusterConfig([values.kubeconfig]));
  const election = new LeaderElection({
    client,
    lease: { namespace: systemNamespace, name: component },
    identity,
    logger,
    onStarted: (signal) => runControllers({ client: election.fence(client), component, logger, signal }),
  });
  election.start();
  logger.info({ identity }, 'started');
  await terminated();
  await election.stop();
  client.close();
  logger.info({ identity }, 'stopped');
}

runProcess(main);
