/**
 * `gantry up`: from nothing, or from whatever is left of a cluster, to a running one. Every step can be
 * repeated; what already runs is left alone.
 */
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { type Clock, sleep } from '../api/meta/clock.ts';
import { connect, type HttpClient } from '../client/http-client.ts';
import { loadClusterConfig } from '../client/kubeconfig.ts';
import { mergeContext } from '../client/kubeconfig-file.ts';
import { prepareImages } from './cached-images.ts';
import { ensureCertificates } from './certificates.ts';
import { type ClusterHome, type ClusterRecord, createHome, readRecord, writeJson } from './cluster-home.ts';
import { examineMachine, type Machine } from './machine.ts';
import { refuseTakenNames } from './machine-names.ts';
import { ensureBridge, ensureNamespace, ensureRoutes } from './network.ts';
import type { Output, UpOptions } from './options.ts';
import { durationMs, planCluster, wholeNumber } from './plan.ts';
import { isAlive, signal } from './process-identity.ts';
import { waitForApiServer, waitForJobs, waitForNodes } from './readiness.ts';
import { showApplied } from './show.ts';
import { Steps } from './steps.ts';
import { readParts } from './supervisor.ts';

export interface UpContext {
  home: ClusterHome;
  clock: Clock;
  output: Output;
  /** The checkout: dist/ and cluster/system-packages.sh are below it. */
  root: string;
  /** The user's kubeconfig to merge the context into. */
  kubeconfigFile: string;
}

export async function up(options: UpOptions, context: UpContext): Promise<number> {
  const { home, clock, output } = context;
  const timeoutMs = durationMs('--wait', options.wait ?? '60s');
  const waiting = { home, clock, timeoutMs };
  const known = await readRecord(home);
  const steps = new Steps(options.filename?.length ? 7 : 6, output, clock);
  let machine!: Machine;
  let record!: ClusterRecord;

  await steps.run('machine', async () => {
    const hasNodes = wholeNumber('--nodes', options.nodes, known?.nodes.length ?? 3, 100) > 0;
    machine = await examineMachine(
      { options, hasNodes, packagesScript: join(context.root, 'cluster/system-packages.sh') },
      output,
    );
    return machine.remarks.join('; ');
  });
  await steps.run('plan and certificates', async () => {
    const apiServerRuns = await partRuns(home, 'apiserver');
    record = await planCluster({
      home,
      known,
      options,
      namespaces: machine.namespaces,
      driver: machine.driver,
      apiServerRuns,
    });
    await refuseTakenNames(home, known, record);
    // Only now: a plan that is refused leaves nothing behind.
    await createHome(home);
    await ensureCertificates(home, record);
    await writeJson(home.recordFile, record);
    return home.directory;
  });
  await steps.run('network', async () => {
    const { bridge } = record;
    if (!bridge) return 'of this machine';
    await ensureBridge(bridge);
    await Promise.all(
      record.nodes.map(
        ({ networkNamespace, address }) =>
          networkNamespace && ensureNamespace(networkNamespace, address, bridge),
      ),
    );
    await ensureRoutes(record.nodes);
    return `${bridge.subnet}.0/24 on ${bridge.device}`;
  });

  const client = await adminClient(home);
  const images = machine.driver === 'unconfined' ? Promise.resolve() : prepareImages(home);
  await steps.run(
    record.etcd.length > 0 ? `etcd (${record.etcd.length}) and API server` : 'API server',
    async () => {
      await startSupervisor(context);
      await waitForApiServer(client, record, waiting);
      return `https://127.0.0.1:${record.apiPort}  ${record.store.startsWith('embedded:') ? 'embedded store' : record.store}`;
    },
  );
  await steps.run(`controllers, scheduler, ${record.nodes.length} nodes`, async () => {
    await images;
    await waitForNodes(client, record, waiting);
    return 'Ready';
  });
  await steps.run('kubeconfig', async () => {
    await mergeIntoUsers(context, record);
    return `context gantry-${home.name} in ${context.kubeconfigFile}`;
  });
  if (options.filename?.length) {
    await steps.run('apply and wait', async () => {
      const applied = await applyFiles(options.filename ?? [], context);
      await waitForJobs(client, applied, waiting);
      return applied.join(' ');
    });
  }
  client.close();
  output.out(`cluster ${home.name} is up after ${steps.elapsedSeconds} s\n`);
  if (options.filename?.length) await showApplied(context);
  return 0;
}

async function adminClient(home: ClusterHome): Promise<HttpClient> {
  return connect(await loadClusterConfig([home.kubeconfigFile]));
}

async function partRuns(home: ClusterHome, name: string): Promise<boolean> {
  const running = (await readParts(home)).parts[name];
  return running !== undefined && isAlive(running);
}

/** Starts the supervisor, or tells the one that runs to read cluster.json anew. */
async function startSupervisor({ home, root, clock }: UpContext): Promise<void> {
  const { supervisor } = await readParts(home);
  if (supervisor && signal(supervisor, 'SIGHUP')) return;
  const log = openSync(join(home.logs, 'supervisor.log'), 'a');
  const entry = join(root, 'dist/cluster/supervisor-main.js');
  const child = spawn(process.execPath, [entry, home.name, join(home.directory, '..')], {
    detached: true,
    stdio: ['ignore', log, log],
    cwd: '/',
  });
  child.unref();
  while (
    child.pid !== undefined &&
    child.exitCode === null &&
    (await readParts(home)).supervisor?.pid !== child.pid
  )
    await sleep(clock, 10);
}

/** So that kubectl works at once; `down` takes it out again. */
async function mergeIntoUsers({ home, kubeconfigFile }: UpContext, record: ClusterRecord): Promise<void> {
  await mergeContext(kubeconfigFile, `gantry-${home.name}`, await loadClusterConfig([home.kubeconfigFile]));
  await writeJson(home.recordFile, { ...record, kubeconfig: kubeconfigFile });
}

/** Applies the files through the CLI, as the user would, and waits for the jobs among them. */
async function applyFiles(files: string[], { home, root }: UpContext): Promise<string[]> {
  const flags = [
    '--kubeconfig',
    home.kubeconfigFile,
    'apply',
    ...files.flatMap((file) => ['-f', file]),
    '-o',
    'name',
  ];
  const { stdout } = await execa(process.execPath, [join(root, 'dist/cli/main.js'), ...flags], {
    stderr: 'inherit',
  });
  return stdout.split('\n').filter((line) => line !== '');
}
