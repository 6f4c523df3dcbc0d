/** Questions about other names go to the node's own resolvers, as they came, one after another, each with a deadline. */

import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import type { Clock } from '../../api/meta/clock.ts';

export interface ForwarderOptions {
  resolvers: readonly Resolver[];
  clock: Clock;
  /** Default 2 s each. */
  timeoutMs?: number;
}

export interface Resolver {
  address: string;
  port: number;
}

export type Transport = 'udp' | 'tcp';

/** More at once, and who asks is told to ask again later. */
const maxInFlight = 512;

export class Forwarder {
  readonly #options: ForwarderOptions;
  #inFlight = 0;

  constructor(options: ForwarderOptions) {
    this.#options = options;
  }

  /** The answer of the first resolver that gives one; undefined when none does. */
  async ask(query: Buffer, transport: Transport): Promise<Buffer | undefined> {
    if (this.#inFlight >= maxInFlight) return undefined;
    this.#inFlight++;
    try {
      for (const resolver of this.#options.resolvers) {
        const answer = await this.#askOne(query, transport, resolver);
        if (answer) return answer;
      }
      return undefined;
    } finally {
      this.#inFlight--;
    }
  }

  /** With an id of its own choice, so that nobody off the path can guess what answer is waited for. */
  #askOne(query: Buffer, transport: Transport, resolver: Resolver): Promise<Buffer | undefined> {
    const { clock, timeoutMs = 2_000 } = this.#options;
    const asked = Buffer.from(query);
    asked.writeUInt16BE(randomInt(0x10000), 0);
    return new Promise((resolve) => {
      const finish = (answer: Buffer | undefined): void => {
        timer.cancel();
        close();
        if (answer) query.copy(answer, 0, 0, 2);
        resolve(answer);
      };
      const onAnswer = (answer: Buffer): void => {
        if (isAnswerTo(asked, answer)) finish(answer);
      };
      const timer = clock.after(timeoutMs, () => finish(undefined));
      const exchange = transport === 'udp' ? askByUdp : askByTcp;
      const close = exchange(asked, resolver, { onAnswer, onError: () => finish(undefined) });
    });
  }
}

function isAnswerTo(query: Buffer, answer: Buffer): boolean {
  return answer.length >= 12 && answer.readUInt16BE(0) === query.readUInt16BE(0) && (answer[2]! & 0x80) !== 0;
}

interface Ears {
  onAnswer: (answer: Buffer) => void;
  onError: () => void;
}

/** Gives what ends the exchange. A connected socket hears only the one it asks. */
function askByUdp(query: Buffer, { address, port }: Resolver, { onAnswer, onError }: Ears): () => void {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  let isOpen = true;
  socket.on('message', onAnswer);
  socket.on('error', onError);
  socket.connect(port, address, () => {
    if (isOpen) socket.send(query);
  });
  return () => {
    if (isOpen) socket.close();
    isOpen = false;
  };
}

function askByTcp(query: Buffer, { address, port }: Resolver, { onAnswer, onError }: Ears): () => void {
  const socket = connect(port, address);
  const frames = new FrameReader();
  socket.on('connect', () => socket.write(framed(query)));
  socket.on('data', (chunk) => {
    for (const answer of frames.read(chunk)) onAnswer(answer);
  });
  socket.on('error', onError);
  socket.on('close', onError);
  return () => socket.destroy();
}

/** DNS over TCP: each message behind its length in two bytes. */
export function framed(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** Takes messages out of a stream of frames. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  *read(chunk: Buffer): Generator<Buffer> {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 2) {
      const end = 2 + this.#rest.readUInt16BE(0);
      if (this.#rest.length < end) return;
      const message = Buffer.from(this.#rest.subarray(2, end));
      this.#rest = this.#rest.subarray(end);
      yield message;
    }
  }
}
