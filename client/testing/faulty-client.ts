/**
 * A client that fails on order: the network, the server and the process itself as tests want them to be.
 *
 *   const faulty = new FaultyClient(cluster.client);
 *   faulty.inject({ verb: 'create', kind: 'Task', nth: 2, fault: 'crashAfter' });
 *   runtime = new ControllerRuntime({ client: faulty.client, … });
 *
 * Faults before a call leave the server as it was; faults after one hide an answer that was given.
 */
import { ApiError } from '../../api/meta/api-error.ts';
import type { Client } from '../client.ts';
import { type ClientCall, interceptClient, type Verb } from '../client-interceptor.ts';

/** The process died here. Every later call through the same client throws it too. */
export class SimulatedCrash extends Error {
  override name = 'SimulatedCrash';
}

export type Fault =
  /** Dies before, or right after, the call takes effect. */
  | 'crashBefore'
  | 'crashAfter'
  /** The answer gets lost: the write has happened, the caller sees a Timeout. */
  | 'lostAnswer'
  /** Refused without effect. */
  | 'conflict'
  | 'unavailable'
  /** 410, for lists and watches. */
  | 'expired';

export interface FaultRule {
  fault: Fault;
  verb?: Verb;
  kind?: string;
  /** The first matching call that fails, counted from 1 (default), and how many in a row (default 1). */
  nth?: number;
  times?: number;
}

export class FaultyClient {
  /** The client to hand to the code under test. */
  readonly client: Client;
  /** Calls that came through, in order. */
  readonly calls: ClientCall[] = [];
  readonly #rules: { rule: FaultRule; seen: number }[] = [];
  readonly #openStreams = new Set<() => void>();
  /** Events wait for this. */
  #gate: Promise<void> = Promise.resolve();
  #openGate = (): void => {};
  #crashed: SimulatedCrash | undefined;

  constructor(inner: Client) {
    this.client = interceptClient(inner, {
      call: (call, proceed) => this.#call(call, proceed),
      stream: (call, open) => this.#stream(call, open),
    });
  }

  get crashed(): boolean {
    return this.#crashed !== undefined;
  }

  inject(rule: FaultRule): this {
    this.#rules.push({ rule, seen: 0 });
    return this;
  }

  /** Cuts every open watch, as a broken connection does. */
  cutStreams(): void {
    for (const cut of [...this.#openStreams]) cut();
  }

  /** Holds all events of watches back: caches go stale while the world moves on. Ends with `releaseStreams`. */
  holdStreams(): void {
    this.releaseStreams();
    this.#gate = new Promise((resolve) => {
      this.#openGate = resolve;
    });
  }

  releaseStreams(): void {
    this.#openGate();
  }

  async #call<R>(call: ClientCall, proceed: () => Promise<R>): Promise<R> {
    if (this.#crashed) throw this.#crashed;
    this.calls.push(call);
    const fault = this.#faultFor(call);
    if (fault === 'crashBefore') throw this.#crash(call);
    if (fault && fault !== 'crashAfter' && fault !== 'lostAnswer') throw errorFor(fault, call);
    const answer = await proceed();
    if (fault === 'crashAfter') throw this.#crash(call);
    if (fault === 'lostAnswer') throw new ApiError('Timeout', `the answer to ${describe(call)} got lost`);
    return answer;
  }

  async *#stream<R>(call: ClientCall, open: () => AsyncIterable<R>): AsyncGenerator<R> {
    if (this.#crashed) throw this.#crashed;
    this.calls.push(call);
    const fault = this.#faultFor(call);
    if (fault) throw fault.startsWith('crash') ? this.#crash(call) : errorFor(fault, call);
    let cut = (): void => {};
    const broken = new Promise<never>((_resolve, reject) => {
      cut = () => reject(new ApiError('ServiceUnavailable', 'the connection was cut'));
    });
    broken.catch(() => {});
    this.#openStreams.add(cut);
    const source = open()[Symbol.asyncIterator]();
    try {
      for (;;) {
        const step = await Promise.race([source.next(), broken]);
        if (step.done) return;
        await Promise.race([this.#gate, broken]);
        yield step.value;
      }
    } finally {
      this.#openStreams.delete(cut);
      // Not awaited: a source that is waiting for its next event would never let us go.
      source.return?.().catch(() => {});
    }
  }

  #faultFor(call: ClientCall): Fault | undefined {
    for (const entry of this.#rules) {
      const { verb, kind, nth = 1, times = 1, fault } = entry.rule;
      if ((verb && verb !== call.verb) || (kind && kind !== call.resource?.kind)) continue;
      entry.seen++;
      if (entry.seen >= nth && entry.seen < nth + times) return fault;
    }
    return undefined;
  }

  #crash(call: ClientCall): SimulatedCrash {
    this.#crashed = new SimulatedCrash(`the process died at ${describe(call)}`);
    this.cutStreams();
    return this.#crashed;
  }
}

function describe({ verb, resource, key, path }: ClientCall): string {
  return `${verb} ${resource?.plural ?? path ?? ''} ${key?.name ?? ''}`.trim();
}

function errorFor(fault: Fault, call: ClientCall): ApiError {
  const what = describe(call);
  switch (fault) {
    case 'conflict':
      return new ApiError('Conflict', `${what}: the object has been modified`);
    case 'expired':
      return new ApiError('Expired', `${what}: too old resource version`);
    default:
      return new ApiError('ServiceUnavailable', `${what}: the server cannot be reached`);
  }
}
