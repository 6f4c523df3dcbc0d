/**
 * A containerd of the node's own, apart from any other on the machine: started by the agent, left running when the
 * agent ends, started anew when it died. Containers do not need it to live: their parent is a shim.
 *
 *   <root>/containerd/  images, snapshots, log      <run>/containerd/  socket, state, config.toml, process.json
 */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError } from '../../../api/meta/api-error.ts';
import { type Clock, sleep } from '../../../api/meta/clock.ts';
import { startDetached } from '../detached-process.ts';
import { isRunning, type ProcessId } from '../process-id.ts';
import {
  type ContainerdPlace,
  homeOf,
  knownContainerd,
  logOf,
  processFile,
  socketOf,
} from './containerd-files.ts';
import { CriClient } from './cri-client.ts';

/** What the engine makes of an image when a sandbox is wanted, and what `host` roots are made of. */
export const skeletonImage = 'gantry.local/skeleton:1';

const patienceMs = 30_000;
const answerTimeoutMs = 1000;
const pollMs = 20;

export class Containerd {
  readonly endpoint: string;
  readonly #place: ContainerdPlace;
  readonly #clock: Clock;
  #process: ProcessId | undefined;
  #starting: Promise<void> | undefined;

  constructor(place: ContainerdPlace, clock: Clock) {
    this.#place = place;
    this.#clock = clock;
    this.#process = knownContainerd(place);
    this.endpoint = `unix://${socketOf(place.runDirectory)}`;
  }

  /** Resolves when it answers; at once when it runs. Throws ApiError ServiceUnavailable when it does not. */
  async ensure(): Promise<void> {
    if (!this.#starting && this.#process && isRunning(this.#process)) return;
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined;
    });
    await this.#starting;
  }

  /** Its containers must be gone. */
  async end(): Promise<void> {
    const running = this.#process;
    const deadlineMs = this.#clock.monotonicMs() + patienceMs;
    if (running && isRunning(running)) process.kill(running.pid, 'SIGTERM');
    while (running && isRunning(running)) {
      if (this.#clock.monotonicMs() > deadlineMs) process.kill(running.pid, 'SIGKILL');
      await sleep(this.#clock, pollMs);
    }
    this.#process = undefined;
    await rm(homeOf(this.#place.runDirectory), { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    this.#process = await startProcess(this.#place);
    const client = new CriClient(this.endpoint);
    const deadlineMs = this.#clock.monotonicMs() + patienceMs;
    try {
      while (!(await answers(client))) {
        if (!isRunning(this.#process) || this.#clock.monotonicMs() > deadlineMs)
          throw new ApiError('ServiceUnavailable', lastWords(this.#place));
        await sleep(this.#clock, pollMs);
      }
    } finally {
      client.close();
    }
  }
}

function answers(client: CriClient): Promise<boolean> {
  return client.call('Version', {}, { timeoutMs: answerTimeoutMs }).then(
    () => true,
    () => false,
  );
}

async function startProcess(place: ContainerdPlace): Promise<ProcessId> {
  const home = homeOf(place.runDirectory);
  for (const directory of [home, join(place.rootDirectory, 'containerd')])
    await mkdir(directory, { recursive: true, mode: 0o711 });
  const config = join(home, 'config.toml');
  await writeFile(config, configuration(place));
  const log = openSync(logOf(place), 'a', 0o600);
  try {
    const identity = await startDetached('containerd', ['--config', config], { stdio: ['ignore', log, log] });
    await writeFile(processFile(place), JSON.stringify(identity));
    return identity;
  } finally {
    closeSync(log);
  }
}

/** Only what differs from what containerd does by itself. */
function configuration({ rootDirectory, runDirectory }: ContainerdPlace): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  const home = homeOf(runDirectory);
  return `version = 2
root = ${JSON.stringify(join(rootDirectory, 'containerd'))}
state = ${JSON.stringify(join(home, 'state'))}
[grpc]
  address = ${JSON.stringify(socketOf(runDirectory))}
[debug]
  level = "warn"
[plugins."io.containerd.internal.v1.opt"]
  path = ${JSON.stringify(join(rootDirectory, 'containerd', 'opt'))}
[${cri}]
  sandbox_image = ${JSON.stringify(skeletonImage)}
  # Who may not lower a score below his own must not try.
  restrict_oom_score_adj = true
[${cri}.cni]
  conf_dir = ${JSON.stringify(join(home, 'cni'))}
[${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[${cri}.containerd.runtimes.runc.options]
  Root = ${JSON.stringify(join(home, 'runc'))}
`;
}

function lastWords(place: ContainerdPlace): string {
  const log = readFileSync(logOf(place), 'utf8').trim();
  return `containerd does not answer: ${log.split('\n').at(-1) || 'it said nothing'}`;
}
