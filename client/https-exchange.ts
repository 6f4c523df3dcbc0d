/**
 * One request over TLS and what became of it. Stands between the transport, which opens it, and
 * node:http, whose errors it turns into ApiErrors that say whether the request may have taken effect.
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { ApiError } from '../api/meta/api-error.ts';
import type { Clock, Timer } from '../api/meta/clock.ts';

/** A kept connection had died before a request that only reads got its answer: safe to send again. */
export class DeadConnection extends ApiError {}

export interface ExchangeOptions {
  body?: string | Buffer | undefined;
  signal?: AbortSignal | undefined;
  deadlineMs: number;
  clock: Clock;
}

export class HttpsExchange {
  /** The answer, of which only the head has surely arrived. Rejects with errors for `explain`. */
  readonly head: Promise<IncomingMessage>;
  readonly #outgoing: ClientRequest;
  readonly #signal: AbortSignal | undefined;
  readonly #deadline: Timer;
  /** The connection stood, so the server may have seen the request. */
  #sent = false;
  /** Why we ended it ourselves; node:http would report something of its own. */
  #gaveUp: ApiError | undefined;

  constructor(outgoing: ClientRequest, { body, signal, deadlineMs, clock }: ExchangeOptions) {
    this.#outgoing = outgoing;
    this.#signal = signal;
    this.#deadline = clock.after(deadlineMs, () =>
      this.#giveUp(`no answer from ${outgoing.host} in ${deadlineMs} ms`),
    );
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    outgoing.once('socket', (socket) => {
      if (outgoing.reusedSocket || !socket.connecting) this.#sent = true;
      else socket.once('secureConnect', () => (this.#sent = true));
    });
    this.head = new Promise((resolve, reject) => {
      outgoing.once('response', resolve);
      // Stays for good: a connection may also break after its answer, when nobody waits any more.
      outgoing.on('error', reject);
    });
    outgoing.end(body);
  }

  /** The answer may take as long as it likes. */
  cancelDeadline(): void {
    this.#deadline.cancel();
  }

  /** It is over: lets go of the signal and the clock. */
  release(): void {
    this.#deadline.cancel();
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }

  /** Closes the connection, whatever is still to come. */
  destroy(): void {
    this.#outgoing.destroy();
  }

  explain(error: unknown): ApiError {
    if (this.#gaveUp) return this.#gaveUp;
    if (error instanceof ApiError) return error;
    const { host, method, reusedSocket } = this.#outgoing;
    const reads = method === 'GET' || method === 'HEAD';
    const code = codeOf(error);
    const message = `cannot reach ${host}: ${error instanceof Error ? error.message : String(error)}`;
    if (reads && reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE')) {
      return new DeadConnection('ServiceUnavailable', message, {}, error);
    }
    if (reads || !this.#sent) return new ApiError('ServiceUnavailable', message, {}, error);
    return new ApiError(
      'Timeout',
      `the connection to ${host} broke before the answer came (${code}); the request may have taken effect`,
      {},
      error,
    );
  }

  readonly #onAbort = (): void => this.#giveUp('the caller gave the request up');

  #giveUp(why: string): void {
    this.#gaveUp = new ApiError('Timeout', why);
    this.#outgoing.destroy(this.#gaveUp);
  }
}

function codeOf(error: unknown): string {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return code ?? 'unknown';
}
