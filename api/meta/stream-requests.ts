/**
 * What a request for a stream asks for, read the same way by the API server and the node agent, and the
 * answer to one that is refused. Pure.
 */
import { ApiError } from './api-error.ts';

/** Which standard streams are wanted. */
export interface AttachRequest {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  tty: boolean;
}

export interface ExecRequest extends AttachRequest {
  command: string[];
}

const maxWords = 1000;

/** Throws ApiError BadRequest. */
export function execRequestOf(query: URLSearchParams): ExecRequest {
  const command = query.getAll('command');
  if (command.length === 0 || command[0] === '')
    throw new ApiError('BadRequest', 'say what to run: the parameter command is missing');
  if (command.length > maxWords)
    throw new ApiError('BadRequest', `a command may have ${maxWords} words, this one has ${command.length}`);
  if (command.some((word) => word.includes('\0')))
    throw new ApiError('BadRequest', 'a command may not contain NUL');
  return { command, ...attachRequestOf(query) };
}

/** Output is wanted unless refused, input only when asked for. Throws ApiError BadRequest. */
export function attachRequestOf(query: URLSearchParams): AttachRequest {
  const tty = flag(query, 'tty', false);
  return {
    tty,
    stdin: flag(query, 'stdin', false),
    stdout: flag(query, 'stdout', true),
    // A terminal has one output.
    stderr: flag(query, 'stderr', true) && !tty,
  };
}

export function execQuery({ command, ...flags }: ExecRequest): URLSearchParams {
  const words = command.map((word): [string, string] => ['command', word]);
  return new URLSearchParams([...words, ...attachQuery(flags)]);
}

export function attachQuery({ stdin, stdout, stderr, tty }: AttachRequest): URLSearchParams {
  const flags = Object.entries({ stdin, stdout, stderr, tty });
  return new URLSearchParams(flags.map(([name, value]): [string, string] => [name, String(value)]));
}

function flag(query: URLSearchParams, name: string, absent: boolean): boolean {
  const text = query.get(name);
  if (text === null) return absent;
  if (text === 'true' || text === '1') return true;
  if (text === 'false' || text === '0' || text === '') return false;
  throw new ApiError('BadRequest', `${name} must be true or false, not ${JSON.stringify(text.slice(0, 80))}`);
}

/** The one port of a port-forward; `ports` is Kubernetes' name for it. Throws ApiError BadRequest. */
export function portOf(query: URLSearchParams): number {
  const texts = [...query.getAll('ports'), ...query.getAll('port')];
  const port = Number(texts[0]);
  if (texts.length === 1 && /^\d{1,5}$/.test(texts[0] ?? '') && port >= 1 && port <= 65_535) return port;
  throw new ApiError('BadRequest', 'name one port between 1 and 65535 (parameter ports)');
}

/** Picks the first of `supported` that the client offers; throws ApiError BadRequest when there is none. */
export function agreedProtocol<T extends string>(
  offered: string | undefined,
  supported: readonly T[],
  header = 'Sec-WebSocket-Protocol',
): T {
  const words = (offered ?? '').split(',').map((word) => word.trim());
  const agreed = supported.find((protocol) => words.includes(protocol));
  if (agreed !== undefined) return agreed;
  throw new ApiError('BadRequest', `${header} must offer one of: ${supported.join(', ')}`);
}

/** A whole HTTP answer for a socket that will not be upgraded: it says why, and that the connection ends. */
export function refusalText(error: ApiError): string {
  const body = JSON.stringify(error.toStatus());
  return [
    `HTTP/1.1 ${error.status} ${error.reason}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    '',
    body,
  ].join('\r\n');
}
