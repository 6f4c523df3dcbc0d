/**
 * What agents say their nodes and tasks use (GET /stats/summary), kept for a few seconds so that many who
 * look cost an agent one answer.
 */
import type { Node } from '../../kinds/node.ts';
import { ApiError } from '../../meta/api-error.ts';
import type { Clock } from '../../meta/clock.ts';
import type { Logger } from '../../meta/logger.ts';
import type { NodeClient } from '../node-client.ts';
import { agentAddress } from '../task-agent.ts';

/** The part of kubelet's summary that is asked for. */
export interface NodeSummary {
  node: Partial<Usage>;
  pods: (Partial<Usage> & {
    podRef: { uid: string };
    containers: (Partial<Usage> & { name: string })[];
  })[];
}

export interface Usage {
  cpu: { time: string; usageNanoCores?: number; windowMs?: number };
  memory: { workingSetBytes: number };
}

const keptMs = 5000;
const deadlineMs = 3000;
const maxBytes = 16 * 1024 ** 2;

export class NodeSummaries {
  readonly #client: NodeClient;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #kept = new Map<string, Promise<NodeSummary | undefined>>();

  constructor({ client, clock, logger }: { client: NodeClient; clock: Clock; logger: Logger }) {
    this.#client = client;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Undefined when the agent does not answer in time, or measures nothing: others are told all the same. */
  of(node: Node): Promise<NodeSummary | undefined> {
    const { name } = node.metadata;
    const kept = this.#kept.get(name);
    if (kept) return kept;
    const asked = this.#ask(node);
    this.#kept.set(name, asked);
    this.#clock.after(keptMs, () => this.#kept.delete(name));
    return asked;
  }

  async #ask(node: Node): Promise<NodeSummary | undefined> {
    const late = new AbortController();
    const timer = this.#clock.after(deadlineMs, () => late.abort(new Error('no answer in time')));
    try {
      const url = new URL(`${agentAddress(node)}/stats/summary`);
      return JSON.parse(await textOf(await this.#client.stream(url, late.signal)));
    } catch (error) {
      this.#logger.debug({ node: node.metadata.name, err: error }, 'the agent tells no usage');
      return undefined;
    } finally {
      timer.cancel();
    }
  }
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new ApiError('InternalError', 'the summary is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
