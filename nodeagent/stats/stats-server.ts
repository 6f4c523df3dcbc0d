/** What the agent's server answers about usage: measures when the last numbers are old, and tells. */
import { fileSystemUsage, maxProcesses } from './machine-usage.ts';
import { resourceMetrics } from './resource-metrics.ts';
import { summary } from './summary.ts';
import type { UsageSampler } from './usage-sampler.ts';

export class StatsServer {
  readonly #nodeName: string;
  readonly #usage: UsageSampler;
  readonly #rootDirectory: string;

  constructor(nodeName: string, usage: UsageSampler, rootDirectory: string) {
    this.#nodeName = nodeName;
    this.#usage = usage;
    this.#rootDirectory = rootDirectory;
  }

  async summary(): Promise<object> {
    await this.#usage.refresh();
    return summary({
      nodeName: this.#nodeName,
      node: this.#usage.node(),
      tasks: this.#usage.tasks(),
      fileSystem: await fileSystemUsage(this.#rootDirectory),
      maxProcesses: await maxProcesses(),
    });
  }

  async resourceMetrics(): Promise<string> {
    await this.#usage.refresh();
    return resourceMetrics(this.#usage.node(), this.#usage.tasks());
  }
}
