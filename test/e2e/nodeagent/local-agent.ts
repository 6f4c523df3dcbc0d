/** One node agent on real containers, its API server reduced to what a client can tell; for tests of what tasks may ask of a node. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { Task } from '../../../api/kinds/resources.ts';
import type { Container } from '../../../api/kinds/task-spec.ts';
import { hasReason } from '../../../api/meta/api-error.ts';
import { systemClock } from '../../../api/meta/clock.ts';
import { silentLogger } from '../../../api/meta/logger.ts';
import type { Happening } from '../../../client/event-recorder.ts';
import { NodeAgent } from '../../../nodeagent/agent.ts';
import { detectCgroups } from '../../../nodeagent/cgroup/cgroups.ts';
import { destroyNode } from '../../../nodeagent/destroy.ts';
import type { NodeFacts } from '../../../nodeagent/hooks/hook.ts';
import { ImagePuller, type PullerOptions } from '../../../nodeagent/images/image-puller.ts';
import { logPaths } from '../../../nodeagent/logs/log-files.ts';
import {
  type NodeResources,
  type NodeResourcesOptions,
  nodeResources,
} from '../../../nodeagent/node-resources.ts';
import { openRuntime } from '../../../nodeagent/runtime/open-runtime.ts';
import type { DriverName, Runtime } from '../../../nodeagent/runtime/runtime.ts';
import type { TaskRecord } from '../../../nodeagent/task/task-record.ts';
import { TaskRecords } from '../../../nodeagent/task/task-records.ts';
import { FakeCluster } from '../../client/fake-cluster.ts';
import { busyboxImages } from '../../kit/busybox-image.ts';
import { task as taskObject } from '../../kit/nodeagent-objects.ts';
import { eventually, tracesOf } from './machine-traces.ts';

export class LocalAgent {
  readonly marker = `gantry-test-${randomBytes(3).toString('hex')}`;
  readonly rootDirectory = mkdtempSync(join(tmpdir(), `${this.marker}-`));
  readonly runDirectory = `/run/${this.marker}`;
  readonly client = new FakeCluster(systemClock).client;
  readonly events: Happening[] = [];
  resources: NodeResources | undefined;
  readonly #driver: DriverName;
  #runtime: Runtime | undefined;
  #agent: NodeAgent | undefined;
  #imageDirectory = '';

  constructor(driver: DriverName = 'oci') {
    this.#driver = driver;
  }

  async up(
    facts: Partial<NodeFacts> = {},
    pulling: Omit<PullerOptions, 'directory' | 'clock'> = {},
  ): Promise<void> {
    this.#imageDirectory ||= await busyboxImages(this.rootDirectory);
    const cgroups = await detectCgroups();
    const { client, rootDirectory, runDirectory } = this;
    const place = { rootDirectory, runDirectory, imageDirectory: this.#imageDirectory };
    const options = { ...place, ...(cgroups ? { cgroups } : {}), logger: silentLogger };
    this.#runtime = await openRuntime(this.#driver, options);
    this.#agent = new NodeAgent({
      client,
      node: {
        ...{ name: 'n1', address: '127.0.0.1', memoryBytes: 2 ** 30 },
        ...{ logDirectory: join(rootDirectory, 'logs'), imageDirectory: this.#imageDirectory },
        volumeDirectory: join(rootDirectory, 'volumes'),
        cgroupParent: `/${this.marker}`,
        userNamespaces: {},
        ...(cgroups ? { cgroups } : {}),
        ...facts,
      },
      runtime: this.#runtime,
      records: new TaskRecords(rootDirectory, silentLogger),
      images: new ImagePuller({ directory: this.#imageDirectory, clock: systemClock, ...pulling }),
      events: { record: (_task, happening) => void this.events.push(happening) },
      logger: silentLogger,
    });
    await this.#agent.start();
  }

  get records(): TaskRecord[] {
    return this.#agent?.records ?? [];
  }

  /** Measures, and evicts: the node has as much as `memory` says, and `flags` say when that is too little. */
  async watchOver(memory: string, flags: Partial<NodeResourcesOptions['flags']>): Promise<void> {
    const cgroups = await detectCgroups();
    const runtime = this.#runtime;
    if (!cgroups || !runtime) throw new Error('no control groups are mounted, or no agent runs');
    const { rootDirectory } = this;
    this.resources = await nodeResources({
      flags: {
        ...{ rootDirectory, logDirectory: join(rootDirectory, 'logs'), imageDirectory: this.#imageDirectory },
        ...{ cgroupParent: `/${this.marker}`, sharedMachine: true, pressureTransitionSeconds: 1 },
        ...{ reserves: { system: {}, agent: {} }, thresholds: [], maxProcesses: undefined },
        ...flags,
      },
      ...{ cgroups, runtime, capacity: { cpu: '2', memory }, logger: silentLogger, onChange: () => {} },
      records: () => this.records,
      freeImageSpace: async () => {},
      evict: (...eviction) => this.#agent?.evict(...eviction),
    });
    this.resources.start();
  }

  /** Lets go, as an agent that ends does: tasks run on. */
  async stop(): Promise<void> {
    await this.resources?.stop();
    await this.#agent?.stop();
  }

  /** Removes all of it, and checks that nothing of it is left on the machine. */
  async remove(): Promise<void> {
    await this.stop();
    const { rootDirectory, runDirectory, marker } = this;
    await destroyNode({ rootDirectory, runDirectory, cgroupParent: `/${marker}` });
    expect(tracesOf(marker)).toEqual([]);
    rmSync(rootDirectory, { recursive: true, force: true });
    rmSync(runDirectory, { recursive: true, force: true });
  }

  async create(name: string, container: Partial<Container>, spec: Partial<Task['spec']> = {}): Promise<void> {
    const containers = [{ name: 'main', image: 'busybox', resources: {}, ...container }];
    const { metadata: _metadata, ...draft } = taskObject({
      spec: { terminationGracePeriodSeconds: 1, nodeName: 'n1', ...spec, containers },
    });
    await this.client.create(Task, { ...draft, metadata: { name, namespace: 'default' } });
  }

  get(name: string): Promise<Task> {
    return this.client.get(Task, { namespace: 'default', name });
  }

  until(name: string, what: string, holds: (task: Task) => boolean): Promise<Task> {
    return eventually(`${name}: ${what}`, async () => {
      const found = await this.get(name);
      return holds(found) && found;
    });
  }

  running(name: string): Promise<Task> {
    return this.until(name, 'it runs', ({ status }) => status.phase === 'Running');
  }

  over(name: string): Promise<Task> {
    return this.until(name, 'it is over', ({ status }) => status.finishTime !== undefined);
  }

  /** Marks the task deleted, as the API server does, and waits until the agent has let go of it. */
  async delete(name: string, graceSeconds = 1): Promise<void> {
    const key = { namespace: 'default', name };
    const metadata = { deletionTimestamp: '2030-01-01T00:00:00Z', deletionGracePeriodSeconds: graceSeconds };
    await this.client.patch(Task, key, { type: 'merge', body: { metadata } });
    await eventually(`${name} is gone`, () =>
      this.get(name).then(
        () => false,
        (error) => hasReason(error, 'NotFound'),
      ),
    );
  }

  /** Where the log of one start of a container is. */
  logOf({ metadata }: Task, container: string, start = 0): string {
    return logPaths(join(this.rootDirectory, 'logs'), metadata.uid ?? '', container).current(start);
  }
}
