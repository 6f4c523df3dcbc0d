/** Waiting for parts to be of use, and saying what is wrong when they are not. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Job, Job as JobResource, type Node, Node as NodeResource } from '../api/kinds/resources.ts';
import { ApiError, asApiError } from '../api/meta/api-error.ts';
import { type Clock, sleep } from '../api/meta/clock.ts';
import { isConditionTrue } from '../api/meta/conditions.ts';
import type { Client } from '../client/client.ts';
import type { ClusterHome, ClusterRecord } from './cluster-home.ts';
import { listensOn } from './ports.ts';
import { isAlive } from './process-identity.ts';
import { readParts } from './supervisor.ts';

/** Of the log of a part that failed. */
const shownLines = 12;
const shownCharacters = 300;

export interface Waiting {
  home: ClusterHome;
  clock: Clock;
  timeoutMs: number;
}

/** A part that did not come up: what `up` shows, with the end of its log. */
export class PartFailure extends ApiError {
  readonly part: string;
  readonly logTail: string;

  constructor(part: string, message: string, logTail: string) {
    super('ServiceUnavailable', message);
    this.part = part;
    this.logTail = logTail;
  }
}

export async function waitForApiServer(
  client: Client,
  record: ClusterRecord,
  waiting: Waiting,
): Promise<void> {
  await waitFor('apiserver', waiting, async () => {
    for await (const _answer of client.stream('/readyz'));
    return undefined;
  });
  const { parts } = await readParts(waiting.home);
  const pid = parts['apiserver']?.pid;
  if (pid !== undefined && listensOn(pid, record.apiPort) === false) {
    throw await failure(
      waiting.home,
      'apiserver',
      `port ${record.apiPort} answers, but the listener is not this cluster's API server`,
    );
  }
}

export async function waitForNodes(client: Client, record: ClusterRecord, waiting: Waiting): Promise<void> {
  const wanted = new Set(record.nodes.map(({ name }) => name));
  if (wanted.size === 0) return;
  const missing = async (): Promise<string | undefined> => {
    const { items } = await client.list<Node>(NodeResource);
    const ready = new Set(
      items
        .filter(({ status }) => isConditionTrue(status.conditions, 'Ready'))
        .map(({ metadata }) => metadata.name),
    );
    const late = [...wanted].find((name) => !ready.has(name));
    return late && `node-${late}`;
  };
  await waitFor('nodes', waiting, missing);
}

/** Waits until each job among `applied` (`job.gantry.dev/web`) is available or over. */
export async function waitForJobs(
  client: Client,
  applied: readonly string[],
  { clock, timeoutMs }: Waiting,
): Promise<void> {
  const prefix = `${JobResource.singular}.${JobResource.group}/`;
  const waiting = new Set(
    applied.filter((line) => line.startsWith(prefix)).map((line) => line.slice(prefix.length)),
  );
  const deadline = clock.monotonicMs() + timeoutMs;
  while (waiting.size > 0) {
    const { items } = await client.list<Job>(JobResource);
    for (const job of items) if (isSettled(job)) waiting.delete(job.metadata.name);
    if (waiting.size === 0) return;
    if (clock.monotonicMs() > deadline) {
      const names = [...waiting].join(', ');
      throw new ApiError(
        'Timeout',
        `not available within ${timeoutMs / 1000} s: ${names}; see 'gantry describe job ${[...waiting][0]}'`,
      );
    }
    await sleep(clock, 50);
  }
}

function isSettled({ metadata, status }: Job): boolean {
  if (status.observedGeneration !== metadata.generation) return false;
  return ['Available', 'Complete', 'Failed'].some((type) => isConditionTrue(status.conditions, type));
}

/** Polls `check` until it names no part that is missing; a thrown error means `part` is. */
async function waitFor(
  part: string,
  { home, clock, timeoutMs }: Waiting,
  check: () => Promise<string | undefined>,
): Promise<void> {
  const deadline = clock.monotonicMs() + timeoutMs;
  for (let late: string | undefined = part, problem = 'is not ready'; ; await sleep(clock, 40)) {
    try {
      late = await check();
      if (late === undefined) return;
    } catch (error) {
      problem = asApiError(error).message;
    }
    if (clock.monotonicMs() > deadline)
      throw await failure(
        home,
        late ?? part,
        `${late ?? part} did not become ready within ${timeoutMs / 1000} s: ${problem}`,
      );
    const dead = await deadPart(home);
    if (dead) throw await failure(home, dead, `${dead} ends as soon as it is started`);
  }
}

/** A part the supervisor had to start again more than twice. */
async function deadPart(home: ClusterHome): Promise<string | undefined> {
  const { parts } = await readParts(home);
  return Object.entries(parts).find(([, running]) => running.restarts > 2 && !isAlive(running))?.[0];
}

async function failure(home: ClusterHome, part: string, message: string): Promise<PartFailure> {
  const file = join(home.logs, `${part}.log`);
  const text = await readFile(file, 'utf8').catch(() => '');
  const lines = text.trimEnd().split('\n').slice(-shownLines).map(readableLine);
  return new PartFailure(part, message, text === '' ? '' : `last lines of ${file}:\n${lines.join('\n')}`);
}

/** Of a line of JSON what a person wants to read; any other line as it is, within reason. */
function readableLine(line: string): string {
  try {
    const {
      msg = '',
      problem = '',
      err,
    } = JSON.parse(line) as { msg?: string; problem?: string; err?: { message?: string } };
    return [msg, problem, err?.message].filter(Boolean).join(': ').slice(0, shownCharacters);
  } catch {
    return line.slice(0, shownCharacters);
  }
}
