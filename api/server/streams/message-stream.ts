/**
 * One side of a relay: messages of `v5.channel.k8s.io` in and out, whatever carries them: a WebSocket
 * (web-socket-stream.ts), SPDY's streams of a command (spdy-channels.ts) or of a port (spdy-port-connection.ts).
 */

/** WebSocket close codes (RFC 6455, 7.4.1); the last two are never sent. */
export const closeCode = {
  normal: 1000,
  goingAway: 1001,
  internalError: 1011,
  none: 1005,
  broken: 1006,
} as const;

export interface MessageListener {
  message(data: Buffer, isBinary: boolean): void;
  /** Once; nothing comes after it. */
  closed(code: number, reason: string): void;
}

/** Comes paused. */
export interface MessageStream {
  readonly isClosed: boolean;
  /** May be called several times before `resume`. */
  listen(listener: MessageListener): void;
  pause(): void;
  resume(): void;
  /** `done` is called when the kernel has the message, or nobody reads any more. */
  send(message: Buffer, isBinary: boolean, done: () => void): void;
  /** Says goodbye; `closed` follows when the other end has agreed. */
  close(code?: number, reason?: string): void;
  /** Cuts it off. */
  terminate(): void;
}
