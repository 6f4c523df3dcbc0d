/**
 * The supervisor: starts the parts of a cluster, and starts again what dies.
 *
 * Parts are sessions of their own with their output in files, so they survive the supervisor; a new one
 * finds them in parts.json by pid and start time and goes on where the old one stopped.
 *
 * Invariant: a part that runs according to parts.json is never started a second time.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Clock } from '../api/meta/clock.ts';
import type { Logger } from '../api/meta/logger.ts';
import { backoffMs, Loop } from '../api/meta/loop.ts';
import { type ClusterHome, readJson, writeJson } from './cluster-home.ts';
import { boundLogs } from './component-logs.ts';
import type { Part } from './parts.ts';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';

/** parts.json */
export interface PartsRecord {
  supervisor?: ProcessIdentity;
  parts: Record<string, RunningPart>;
}

export interface RunningPart extends ProcessIdentity {
  /** How often it was started again. */
  restarts: number;
}

const checkEveryMs = 500;
const restartBackoff = { baseMs: 200, maxMs: 10_000 };
/** A part that ran this long starts its back-off anew. */
const healthyAfterMs = 10_000;

interface PartState {
  part: Part;
  running?: RunningPart;
  restarts: number;
  startedMs: number;
  /** Deaths since it last ran for long. */
  failures: number;
  retryAtMs: number;
}

export async function readParts(home: ClusterHome): Promise<PartsRecord> {
  return (await readJson<PartsRecord>(home.partsFile)) ?? { parts: {} };
}

export class Supervisor {
  readonly #home: ClusterHome;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #self: ProcessIdentity;
  readonly #states = new Map<string, PartState>();
  readonly #loop: Loop;
  readonly #logs: Loop;

  constructor(
    home: ClusterHome,
    { clock, logger, self }: { clock: Clock; logger: Logger; self: ProcessIdentity },
  ) {
    this.#home = home;
    this.#clock = clock;
    this.#logger = logger;
    this.#self = self;
    this.#logs = boundLogs(() => [...this.#states.values()].map(({ part }) => part.logFile), {
      clock,
      logger,
    });
    this.#loop = new Loop({
      name: 'supervise parts',
      step: () => this.#check(),
      intervalMs: checkEveryMs,
      clock,
      logger,
    });
  }

  /** Takes on these parts (adopting those that run) and keeps them running until `stop`. */
  async start(parts: readonly Part[]): Promise<void> {
    const known = await readParts(this.#home);
    this.setParts(parts, known.parts);
    await this.#save();
    this.#loop.start();
    this.#logs.start();
  }

  /** Replaces the set of parts; parts that are no longer in it are left alone. */
  setParts(parts: readonly Part[], running: Record<string, RunningPart> = {}): void {
    for (const part of parts) {
      const state = this.#states.get(part.name);
      if (state) state.part = part;
      else this.#states.set(part.name, this.#adopt(part, running[part.name]));
    }
    for (const name of this.#states.keys())
      if (!parts.some((part) => part.name === name)) this.#states.delete(name);
    this.#loop.wake();
  }

  /** Stops watching. The parts go on. */
  async stop(): Promise<void> {
    await Promise.all([this.#loop.stop(), this.#logs.stop()]);
  }

  #adopt(part: Part, running: RunningPart | undefined): PartState {
    const state: PartState = {
      part,
      restarts: running?.restarts ?? 0,
      startedMs: this.#clock.monotonicMs(),
      failures: 0,
      retryAtMs: 0,
    };
    return running && isAlive(running) ? { ...state, running } : state;
  }

  async #check(): Promise<number> {
    const nowMs = this.#clock.monotonicMs();
    let changed = false;
    let nextMs = checkEveryMs;
    for (const state of this.#states.values()) {
      if (state.running && isAlive(state.running)) continue;
      if (state.running) this.#died(state, nowMs);
      if (state.retryAtMs <= nowMs) changed = this.#launch(state, nowMs) || changed;
      else nextMs = Math.min(nextMs, state.retryAtMs - nowMs);
    }
    if (changed) await this.#save();
    return nextMs;
  }

  #died(state: PartState, nowMs: number): void {
    const { part, running } = state;
    state.failures = nowMs - state.startedMs > healthyAfterMs ? 1 : state.failures + 1;
    state.retryAtMs = nowMs + (state.failures === 1 ? 0 : backoffMs(restartBackoff, state.failures - 1));
    this.#logger.warn({ part: part.name, pid: running?.pid, failures: state.failures }, 'part died');
    state.restarts++;
    delete state.running;
  }

  /** True when there is something new to write down. */
  #launch(state: PartState, nowMs: number): boolean {
    const { part } = state;
    const log = openSync(part.logFile, 'a');
    try {
      const child = spawn(part.command, part.args, {
        detached: true,
        stdio: ['ignore', log, log],
        env: partEnvironment(process.env),
        cwd: '/',
      });
      child.on('error', (error) =>
        this.#logger.error({ part: part.name, err: error }, 'part cannot be started'),
      );
      child.on('exit', () => this.#loop.wake());
      child.unref();
      const identity = child.pid === undefined ? undefined : identify(child.pid);
      state.startedMs = nowMs;
      if (!identity) {
        state.failures++;
        state.retryAtMs = nowMs + backoffMs(restartBackoff, state.failures);
        return false;
      }
      state.running = { ...identity, restarts: state.restarts };
      this.#logger.info({ part: part.name, pid: identity.pid }, 'part started');
      return true;
    } finally {
      closeSync(log);
    }
  }

  async #save(): Promise<void> {
    const parts: Record<string, RunningPart> = {};
    for (const [name, { running }] of this.#states) if (running) parts[name] = running;
    await writeJson(this.#home.partsFile, { supervisor: this.#self, parts } satisfies PartsRecord);
  }
}

/** Parts get what they need of the environment, and nothing that changes how node runs. */
function partEnvironment(from: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const path = `${from['PATH'] ?? ''}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
  return { PATH: path, HOME: from['HOME'], LANG: 'C.UTF-8' };
}
