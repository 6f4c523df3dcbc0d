/**
 * Sandboxes: one for a task, made with the first of its containers, removed with the last.
 *
 * Invariant: no container is being put into a sandbox while it is looked at whether that is empty.
 */
import type { ContainerSpec } from '../runtime.ts';
import { containerGroup, labels, sandboxConfig, taskOf } from './cri-config.ts';
import { type ContainerConfig, type ListedContainer, sandboxReady } from './cri-messages.ts';
import type { Engine } from './engine.ts';

export class TaskSandboxes {
  readonly #engine: Engine;
  /** By task: the last in line for its sandbox. */
  readonly #turns = new Map<string, Promise<void>>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Makes the container in its task's sandbox. */
  create(spec: ContainerSpec, config: ContainerConfig): Promise<void> {
    return this.#turn(taskOf(spec), () => this.#createInside(spec, config));
  }

  /** What was made for a container, or held only these ones, which are gone. */
  async removeEmpty(cid: string, containers: readonly ListedContainer[]): Promise<void> {
    for (const { id, labels: its } of await this.#engine.sandboxes()) {
      const isOfIt = its[labels.cid] === cid || containers.some(({ podSandboxId }) => podSandboxId === id);
      if (isOfIt) await this.#turn(its[labels.task] ?? '', () => this.#removeIfEmpty(id));
    }
  }

  async #createInside(spec: ContainerSpec, config: ContainerConfig): Promise<void> {
    const engine = this.#engine;
    const known = await engine.sandboxes({ [labels.task]: taskOf(spec) });
    const ready = known.find(({ state }) => state === sandboxReady);
    const sandbox = sandboxConfig(spec, engine);
    const podSandboxId = ready?.id ?? (await engine.call('RunPodSandbox', { config: sandbox })).podSandboxId;
    // Each container has a group of its own below the task's.
    const linux = { ...sandbox.linux, cgroupParent: containerGroup(spec) };
    await engine.call('CreateContainer', { podSandboxId, config, sandboxConfig: { ...sandbox, linux } });
  }

  async #removeIfEmpty(podSandboxId: string): Promise<void> {
    const containers = await this.#engine.containers();
    if (containers.some((container) => container.podSandboxId === podSandboxId)) return;
    await this.#engine.call('StopPodSandbox', { podSandboxId });
    await this.#engine.call('RemovePodSandbox', { podSandboxId });
  }

  async #turn(task: string, work: () => Promise<void>): Promise<void> {
    const before = this.#turns.get(task);
    const turn = before ? before.catch(() => {}).then(work) : work();
    this.#turns.set(task, turn);
    try {
      await turn;
    } finally {
      if (this.#turns.get(task) === turn) this.#turns.delete(task);
    }
  }
}
