/**
 * kubectl's port-forward: one SPDY connection, and on it for every connection of the user's two streams with the
 * same `requestid`: first one of `streamtype` error, then one of data. Each pair gets a stream of its own to the agent.
 *
 * Invariant: a pair that fails tells so on its error stream; the others go on.
 */
import { asApiError } from '../../meta/api-error.ts';
import { portOf } from '../../meta/stream-requests.ts';
import type { MessageStream } from './message-stream.ts';
import { SpdyPortConnection } from './spdy-port-connection.ts';
import type { SpdyStream } from './spdy-stream.ts';

export interface SpdyPortsOptions {
  /** Opens the agent's side of one connection. */
  open(port: number): Promise<MessageStream>;
  /** Resolves when both are over. */
  join(client: MessageStream, agent: MessageStream): Promise<void>;
}

export class SpdyPorts {
  readonly #options: SpdyPortsOptions;
  /** By requestid: error streams whose data is not here yet. */
  readonly #errors = new Map<string, SpdyStream>();

  constructor(options: SpdyPortsOptions) {
    this.#options = options;
  }

  /** For the session: false refuses the stream. */
  accept(stream: SpdyStream): boolean {
    const id = stream.headers.get('requestid') ?? '';
    const error = this.#errors.get(id);
    switch (stream.headers.get('streamtype')) {
      case 'error':
        if (error || id === '') return false;
        this.#errors.set(id, stream);
        stream.listener = { data() {}, end() {}, lost: () => this.#errors.delete(id) };
        return true;
      case 'data':
        if (!error) return false;
        this.#errors.delete(id);
        error.listener = undefined;
        void this.#connect({ data: stream, error });
        return true;
      default:
        return false;
    }
  }

  async #connect(pair: { data: SpdyStream; error: SpdyStream }): Promise<void> {
    const client = new SpdyPortConnection(pair);
    try {
      const ports = new URLSearchParams({ ports: pair.data.headers.get('port') ?? '' });
      const agent = await this.#options.open(portOf(ports));
      if (client.isClosed) agent.terminate();
      else await this.#options.join(client, agent);
    } catch (error) {
      pair.error.send(Buffer.from(asApiError(error).message), () => {});
      pair.error.end();
      pair.data.end();
    }
  }
}
