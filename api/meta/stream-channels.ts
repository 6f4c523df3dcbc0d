/**
 * The bytes of a stream to a running task (Kubernetes' `v5.channel.k8s.io`): binary WebSocket messages
 * whose first byte says the channel. CLI, API server and node agent all speak it; the API server passes
 * frames on unread. Pure.
 */
import { ApiError } from './api-error.ts';

/** Best first. v4 has no `close`: with it, standard input ends only with the stream. */
export const streamProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const;
export type StreamProtocol = (typeof streamProtocols)[number];

export const channel = {
  stdin: 0,
  stdout: 1,
  stderr: 2,
  /** How it ended: a Status as JSON, the last frame of a stream. */
  status: 3,
  resize: 4,
  /** Payload: the channel whose sender has nothing more to say. */
  close: 255,
} as const;

/** The channels of a forwarded port; each side's first frame on each carries the port, two bytes, low first. */
export const portChannel = { data: 0, error: 1 } as const;

/** Of one message. Senders cut at a fraction of it. */
export const maxFrameBytes = 1024 * 1024;
export const chunkBytes = 64 * 1024;

export interface Frame {
  channel: number;
  payload: Buffer;
}

export function encodeFrame(number: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(payload.length + 1);
  frame[0] = number;
  frame.set(payload, 1);
  return frame;
}

/** Throws ApiError BadRequest for what is no frame: text, or nothing at all. */
export function decodeFrame(message: Buffer, isBinary: boolean): Frame {
  if (!isBinary) throw new ApiError('BadRequest', 'a stream takes binary messages only');
  const number = message[0];
  if (number === undefined) throw new ApiError('BadRequest', 'an empty message names no channel');
  return { channel: number, payload: message.subarray(1) };
}

export function closeFrame(number: number): Buffer {
  return encodeFrame(channel.close, Uint8Array.of(number));
}

export interface TerminalSize {
  columns: number;
  rows: number;
}

const maxCells = 10_000;

/** `{"Width":80,"Height":24}`. Throws ApiError BadRequest for anything else. */
export function decodeSize(payload: Buffer): TerminalSize {
  const { Width: columns, Height: rows } = parsed(payload) as { Width?: unknown; Height?: unknown };
  if (isCells(columns) && isCells(rows)) return { columns, rows };
  throw new ApiError('BadRequest', 'a terminal size is {"Width":<columns>,"Height":<rows>}');
}

export function encodeSize({ columns, rows }: TerminalSize): Buffer {
  return encodeFrame(channel.resize, Buffer.from(JSON.stringify({ Width: columns, Height: rows })));
}

function isCells(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= maxCells;
}

/** How a command ended; a `v1.Status` as far as clients read it. */
export interface ExitStatus {
  metadata: Record<string, never>;
  status: 'Success' | 'Failure';
  reason?: string;
  message?: string;
  details?: { causes: { reason: string; message: string }[] };
}

/** `why` replaces the sentence about the exit code. */
export function exitStatus(exitCode: number, why?: string): ExitStatus {
  if (exitCode === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    reason: 'NonZeroExitCode',
    message: why ?? `command terminated with non-zero exit code: exit status ${exitCode}`,
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  };
}

/** The exit code in a final status; throws the ApiError it says instead when the command did not run. */
export function exitCodeOf(payload: Buffer): number {
  const status = parsed(payload) as Partial<ExitStatus>;
  if (status.status === 'Success') return 0;
  const causes = Array.isArray(status.details?.causes) ? status.details.causes : [];
  const code = Number(causes.find((cause) => cause?.reason === 'ExitCode')?.message);
  if (status.reason === 'NonZeroExitCode' && Number.isInteger(code)) return code;
  const { reason = 'InternalError', message = 'the stream ended without saying how' } = status;
  throw ApiError.fromStatus({ reason: String(reason), message: String(message) }, 500);
}

function parsed(payload: Buffer): object {
  try {
    const value: unknown = JSON.parse(payload.toString());
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Said below.
  }
  throw new ApiError('BadRequest', 'a frame that must be a JSON object is none');
}
