/**
 * The scheduler process: watches from the start, decides while it holds its Lease, so that a stand-by with
 * a warm cache takes over at once. Schedulers of different names run side by side, each with its own Lease.
 *
 *   scheduler/main --kubeconfig <file> [--name default-scheduler] [--identity <id>] [--profile pack|spread]
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
import { Profile, pluginSets } from './core/profile.ts';
import { Scheduler } from './scheduler.ts';

const component = 'gantry-scheduler';
const defaultName = 'default-scheduler';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      kubeconfig: { type: 'string' },
      name: { type: 'string', default: defaultName },
      identity: { type: 'string' },
      profile: { type: 'string', default: 'pack' },
    },
  });
  if (!values.kubeconfig) throw new RangeError('--kubeconfig is required');
  const plugins = pluginSets.get(values.profile);
  if (!plugins) throw new RangeError(`--profile is one of ${[...pluginSets.keys()].join(', ')}`);
  const { name } = values;
  const identity = values.identity ?? `${hostname()}_${randomUUID()}`;
  const logger = pino({ name: component });
  const client = connect(await loadClusterConfig([values.kubeconfig]));
  const scheduler = new Scheduler({ client, name, logger, profile: new Profile(plugins) });
  const election = new LeaderElection({
    client,
    lease: { namespace: systemNamespace, name: name === defaultName ? component : `${component}-${name}` },
    identity,
    logger,
    onStarted: (signal) => scheduler.lead(election.fence(client), signal),
  });
  scheduler.watch();
  election.start();
  logger.info({ identity, name }, 'started');
  await terminated();
  await election.stop();
  await scheduler.stop();
  client.close();
  logger.info({ identity, ...scheduler.metrics, decisionHash: scheduler.decisionHash }, 'stopped');
}

runProcess(main);
