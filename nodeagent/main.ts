/**
 * The node agent process: puts the parts together, and lets go of them on SIGTERM. Tasks run on. SIGPWR says that
 * the machine shuts down: tasks are ended in order, and a SIGTERM after it waits for that.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { cpuPolicyLabel } from '../api/kinds/node-labels.ts';
import { systemClock } from '../api/meta/clock.ts';
import { resourceAmounts } from '../api/meta/quantity.ts';
import { EventRecorder } from '../client/event-recorder.ts';
import { connect } from '../client/http-client.ts';
import { loadClusterConfig } from '../client/kubeconfig.ts';
import { runProcess, terminated } from '../client/process-life.ts';
import { NodeAgent } from './agent.ts';
import { allocatable } from './allocatable.ts';
import { openCpuPool } from './cpus/open-cpu-pool.ts';
import { readDevices } from './devices/cdi-spec.ts';
import { DevicePool } from './devices/device-pool.ts';
import { Fence, fenceDirectory } from './fence/fence.ts';
import { type AgentFlags, parseFlags } from './flags.ts';
import { ImagePeers } from './images/image-peers.ts';
import { listImages } from './images/image-store.ts';
import { NodeImages } from './images/node-images.ts';
import { logRotation } from './logs/log-rotation.ts';
import { diskCapacity, machineCapacity, nodeInfo, pressure, pressureConditions } from './machine.ts';
import { NodeNetwork } from './network/node-network.ts';
import { TaskNetworks } from './network/task-networks.ts';
import { nodeResources } from './node-resources.ts';
import { preflight } from './preflight.ts';
import { Registration } from './registration.ts';
import { openRuntime } from './runtime/open-runtime.ts';
import { securityConditions } from './security-conditions.ts';
import { AgentServer } from './server.ts';
import { NodeShutdown } from './shutdown/node-shutdown.ts';
import { StatsServer } from './stats/stats-server.ts';
import { StreamServer } from './streams/stream-server.ts';
import { TaskRecords } from './task/task-records.ts';
import { ApiAccess } from './volumes/api-access.ts';
import { claimDirectoryIn, LocalVolumes } from './volumes/local-volumes.ts';
import { volumeDirectoryIn } from './volumes/task-directory.ts';

async function main(): Promise<void> {
  const flags = parseFlags(process.argv.slice(2));
  const logger = pino({ name: 'gantry-node' });
  const config = await loadClusterConfig([flags.kubeconfig]);
  const client = connect(config, { userAgent: 'gantry-node' });
  const { name, address, rootDirectory, runDirectory, logDirectory, imageDirectory, cgroupParent } = flags;
  for (const directory of [rootDirectory, runDirectory, logDirectory, imageDirectory])
    await mkdir(directory, { recursive: true, mode: 0o711 });

  const {
    driver,
    reason: driverReason,
    cgroups,
    userNamespaceProblem,
  } = await preflight(flags.driver, flags);
  const isConfined = driver !== 'unconfined';
  logger[isConfined ? 'info' : 'warn']({ driver }, driverReason);
  const runtime = await openRuntime(driver, { ...flags, ...(cgroups ? { cgroups } : {}), logger });
  const described = isConfined ? await readDevices(flags.cdiDirectories, logger) : [];
  const devices = new DevicePool(described, () => agent.records, flags.sharedGpus);
  const disk = await diskCapacity(rootDirectory);
  const capacity = machineCapacity({ ...disk, ...devices.capacity(), ...flags.capacity });
  const memoryBytes = resourceAmounts(capacity)['memory'] ?? 0;
  const network = new NodeNetwork({
    ...{ client, address, node: name, directory: rootDirectory, logger },
    ...{ cell: flags.cell, dnsPort: flags.dnsPort, serviceProxy: flags.serviceProxy },
  });
  await network.start();
  const fence =
    cgroups &&
    (await Fence.open({
      directory: fenceDirectory(runDirectory),
      leaseDurationSeconds: flags.leaseDurationSeconds,
      ...{ client, clock: systemClock },
    }));
  const cpus =
    cgroups && (await openCpuPool({ ...{ flags, driver, cgroups, logger }, records: () => agent.records }));
  const node = {
    ...{ name, address, memoryBytes, logDirectory, imageDirectory, cgroupParent },
    volumeDirectory: volumeDirectoryIn(rootDirectory),
    ...(isConfined ? { claimDirectory: claimDirectoryIn(rootDirectory) } : {}),
    allowedHostPaths: flags.allowedHostPaths,
    devices,
    userNamespaces: userNamespaceProblem === undefined ? {} : { problem: userNamespaceProblem },
    ...(cgroups ? { cgroups } : {}),
    apiAccess: new ApiAccess({
      ...{ client, server: config.server, clock: systemClock },
      certificateAuthority: config.ca ?? '',
    }),
    ...(cpus ? { cpus } : {}),
    ...(fence ? { fence } : {}),
    ...(network.resolution ? { resolution: network.resolution } : {}),
    ...(flags.taskCidr !== undefined && driver === 'oci'
      ? { networks: new TaskNetworks({ runDirectory, subnet: flags.taskCidr }) }
      : {}),
    linkedServices: (namespace: string) => network.linkedServices(namespace),
  };

  const events = new EventRecorder({ client, component: `gantry-node, ${name}`, logger }).start();
  const records = new TaskRecords(rootDirectory, logger);
  const images = await NodeImages.open(flags, {
    records: () => agent.records,
    onChange: () => registration.wake(),
    peers: new ImagePeers({ client, config, node: name, logger }),
    ...{ clock: systemClock, logger },
  });
  const resources =
    cgroups &&
    (await nodeResources({
      ...{ flags, cgroups, runtime, capacity, logger },
      records: () => agent.records,
      evict: (...eviction) => agent.evict(...eviction),
      freeImageSpace: () => images.collector.freeSpace(),
      onChange: () => registration.wake(),
    }));
  const agent: NodeAgent = new NodeAgent({
    ...{ client, node, runtime, records, images: images.puller, events, logger },
    usageOf: (uid) => resources?.usage.statusOf(uid),
  });
  const shutdown = new NodeShutdown({
    ...{ agent, graceSeconds: flags.shutdownGraceSeconds, clock: systemClock, logger },
    onBegin: () => registration.wake(),
  });
  resources?.usage.onSample(() => agent.usageChanged());
  const streams = new StreamServer({
    records: () => agent.records,
    ...{ runtime, logDirectory, logger },
  });
  const server = new AgentServer({
    ...{ runtime, logDirectory, logger },
    images: images.requests,
    blobs: images.uploads,
    tls: await readTls(flags),
    records: () => agent.records,
    streams,
    ...(resources ? { stats: new StatsServer(name, resources.usage, rootDirectory) } : {}),
  });
  const port = await server.listen(address, flags.port);
  const runtimeVersion = await runtime.version();
  const registration = new Registration({
    client,
    identity: {
      ...{ name, address, port, capacity, driver, driverReason },
      labels: cgroups ? { [cpuPolicyLabel]: flags.cpuPolicy, ...flags.labels } : flags.labels,
      allocatable: allocatable(capacity, flags.reserves, flags.thresholds),
      nodeInfo: await nodeInfo(runtimeVersion),
      ...(node.claimDirectory === undefined ? {} : { volumeDirectory: node.claimDirectory }),
      ...(flags.sharedGpus.length > 0 ? { devices: devices.shared() } : {}),
    },
    observe: async () => ({
      conditions: [
        ...(resources?.evictor.conditions() ?? pressureConditions(await pressure(rootDirectory))),
        ...network.conditions(),
        ...securityConditions({ runtimeVersion, userNamespaceProblem }),
      ],
      images: await listImages(imageDirectory),
      ...(shutdown.notReady ? { notReady: shutdown.notReady } : {}),
    }),
    leaseDurationSeconds: flags.leaseDurationSeconds,
    ...(fence ? { onRenewal: () => renewal(fence, agent) } : {}),
    logger,
  });
  const volumes =
    node.claimDirectory === undefined
      ? undefined
      : new LocalVolumes({
          ...{ client, node: name, claimDirectory: node.claimDirectory, events, logger },
        });
  const rotation = logRotation({ runtime, records: () => agent.records, logDirectory, logger });

  await agent.start();
  if (isConfined) await images.start();
  registration.start();
  volumes?.start();
  cpus?.start();
  rotation.start();
  resources?.start();
  logger.info({ node: name, address, port, driver }, 'started');
  process.on('SIGPWR', () => void shutdown.begin());
  await terminated();
  await shutdown.whenDone();
  await Promise.all([
    registration.stop(),
    agent.stop(),
    images.stop(),
    volumes?.stop(),
    cpus?.stop(),
    rotation.stop(),
    resources?.stop(),
    server.close(),
    events.stop(),
    network.stop(),
  ]);
  client.close();
  logger.info({ node: name }, 'stopped, tasks run on');
}

/** The deadline counts from before the lease's renewal was sent. */
function renewal(fence: Fence, agent: NodeAgent): () => Promise<void> {
  const sentAtSeconds = fence.now();
  return () => fence.renew(sentAtSeconds, () => agent.fence(fence.message));
}

async function readTls({ pkiDirectory }: AgentFlags): Promise<{ ca: string; cert: string; key: string }> {
  const [ca, cert, key] = await Promise.all(
    ['ca.crt', 'node.crt', 'node.key'].map((file) => readFile(join(pkiDirectory, file), 'utf8')),
  );
  return { ca: ca ?? '', cert: cert ?? '', key: key ?? '' };
}

runProcess(main);
