/**
 * A control plane for benchmarks: the built API server (and scheduler) as processes of their own over
 * TLS, with simulated nodes that are objects only. The load comes from the benchmark's process.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Node } from '../api/kinds/resources.ts';
import { sleep, systemClock } from '../api/meta/clock.ts';
import type { Client } from '../client/client.ts';
import type { ClusterConfig } from '../client/cluster-config.ts';
import { connect, type HttpClient } from '../client/http-client.ts';
import { loadClusterConfig } from '../client/kubeconfig.ts';
import { ensureCertificates, kubeconfigOf } from '../cluster/certificates.ts';
import { type ClusterHome, type ClusterRecord, clusterHome, createHome } from '../cluster/cluster-home.ts';
import { partsOf } from '../cluster/parts.ts';
import { freePort } from '../cluster/ports.ts';
import { cpuSeconds, residentBytes } from './process-usage.ts';

export type StoreName = 'embedded' | 'etcd' | 'memory';

const dist = resolve(import.meta.dirname, '../dist');

export class Cell {
  readonly client: HttpClient;
  readonly #scratch: string;
  readonly #home: ClusterHome;
  readonly #record: ClusterRecord;
  /** By the name of the part. */
  readonly #children = new Map<string, ChildProcess>();

  private constructor(scratch: string, home: ClusterHome, record: ClusterRecord, client: HttpClient) {
    this.client = client;
    this.#scratch = scratch;
    this.#home = home;
    this.#record = record;
  }

  static async start(store: StoreName): Promise<Cell> {
    const scratch = mkdtempSync(join(tmpdir(), 'gantry-bench-'));
    const home = { ...clusterHome('bench', { home: scratch, isRoot: false }) };
    await createHome(home);
    const etcd =
      store === 'etcd' ? [{ name: 'etcd-0', clientPort: await freePort(), peerPort: await freePort() }] : [];
    const record: ClusterRecord = {
      name: 'bench',
      store:
        store === 'etcd'
          ? `etcd://127.0.0.1:${etcd[0]?.clientPort}`
          : store === 'memory'
            ? 'memory'
            : `embedded:${home.path('store')}`,
      etcd,
      apiPort: await freePort(),
      apiAddresses: ['127.0.0.1'],
      driver: 'unconfined',
      nodes: [],
    };
    await ensureCertificates(home, record);
    const client = connect(await loadClusterConfig([home.kubeconfigFile]));
    const cell = new Cell(scratch, home, record, client);
    cell.startPart('apiserver');
    await cell.#ready();
    return cell;
  }

  /** Starts `apiserver` (with its etcd), `controllers` or `scheduler`. */
  startPart(name: string): void {
    const wanted = name === 'apiserver' ? ['etcd-0', 'apiserver'] : [name];
    for (const part of partsOf(this.#home, this.#record, { node: process.execPath, dist })) {
      if (wanted.includes(part.name))
        this.#children.set(part.name, spawn(part.command, part.args, { stdio: 'ignore' }));
    }
  }

  /** Resident memory of the API server, in bytes. */
  apiServerBytes(): number {
    return residentBytes(this.#apiServer.pid);
  }

  /** What the API server has used of the CPU so far, in seconds. */
  apiServerCpuSeconds(): number {
    return cpuSeconds(this.#apiServer.pid);
  }

  /** Of the administrator. */
  get kubeconfigFile(): string {
    return this.#home.kubeconfigFile;
  }

  /** Time each process has had a processor, in ms; the benchmark's own is `load`. */
  cpuMs(): Map<string, number> {
    const { user, system } = process.cpuUsage();
    const parts = [...this.#children].map(([name, { pid }]) => [name, cpuSeconds(pid) * 1000] as const);
    return new Map([...parts, ['load', (user + system) / 1000]]);
  }

  /** How to connect as the administrator, for clients of another make. */
  clusterConfig(): Promise<ClusterConfig> {
    return loadClusterConfig([this.#home.kubeconfigFile]);
  }

  /** A client with the scheduler's identity, for binds. */
  async schedulerClient(): Promise<Client> {
    return connect(await loadClusterConfig([kubeconfigOf(this.#home, 'scheduler')]));
  }

  async stop(): Promise<void> {
    this.client.close();
    for (const child of [...this.#children.values()].reverse()) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await Promise.race([ended, sleep(systemClock, 5000)]);
      child.kill('SIGKILL');
    }
    rmSync(this.#scratch, { recursive: true, force: true });
  }

  get #apiServer(): ChildProcess {
    return this.#children.get('apiserver')!;
  }

  async #ready(): Promise<void> {
    for (let tries = 0; tries < 400; tries++) {
      try {
        for await (const _answer of this.client.stream('/readyz'));
        return;
      } catch {
        await sleep(systemClock, 50);
      }
    }
    throw new Error('the API server did not become ready');
  }
}

/** kube-scheduler's scheduler_perf node: 4 CPU, 32Gi, 110 pods. */
export async function createNodes(client: Client, count: number): Promise<void> {
  const resources = { cpu: '4', memory: '32Gi', pods: '110' };
  await parallel(count, 32, (index) =>
    client
      .create(Node, {
        metadata: {
          name: `sim-${index}`,
          labels: {
            'kubernetes.io/hostname': `sim-${index}`,
            'topology.kubernetes.io/zone': `z${index % 3}`,
            'topology.kubernetes.io/region': 'r',
          },
        },
        status: {
          capacity: resources,
          allocatable: resources,
          conditions: [{ type: 'Ready', status: 'True' }],
        },
      })
      .then(async (node) => {
        if (!node.status.allocatable)
          await client.updateStatus(Node, {
            ...node,
            status: {
              capacity: resources,
              allocatable: resources,
              conditions: [{ type: 'Ready', status: 'True' }],
            },
          });
      }),
  );
}

/** Runs `work(0 … count-1)` with so many in flight; resolves with the seconds it took. */
export async function parallel(
  count: number,
  inFlight: number,
  work: (index: number) => Promise<unknown>,
): Promise<number> {
  let next = 0;
  const startMs = performance.now();
  await Promise.all(
    Array.from({ length: Math.min(inFlight, count) }, async () => {
      while (next < count) await work(next++);
    }),
  );
  return (performance.now() - startMs) / 1000;
}
