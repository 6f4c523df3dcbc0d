/** The agent's streams over real sockets, with plain processes in the place of containers. */
import { once } from 'node:events';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import {
  type AddressInfo,
  connect,
  createServer as createTcpServer,
  type Server as TcpServer,
} from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { sleep, systemClock } from '../../../api/meta/clock.ts';
import { silentLogger } from '../../../api/meta/logger.ts';
import { channel, encodeFrame, encodeSize, exitCodeOf } from '../../../api/meta/stream-channels.ts';
import { ChannelSocket } from '../../../client/channel-socket.ts';
import { attachBy } from '../../../nodeagent/runtime/oci/attach-line.ts';
import type { PrepareExec } from '../../../nodeagent/runtime/oci/exec-line.ts';
import { ExecProcess } from '../../../nodeagent/runtime/oci/exec-process.ts';
import { StreamServer } from '../../../nodeagent/streams/stream-server.ts';
import { eventually } from '../../e2e/nodeagent/machine-traces.ts';
import { container, record, task, testUid } from '../../kit/nodeagent-objects.ts';

const directory = mkdtempSync(join(tmpdir(), 'gantry-streams-'));
const limits = { perTask: 3, perNode: 4 };
const opened: WebSocket[] = [];
let life: object = { state: 'running', cid: 'c', pid: 1, startedAtMs: 0 };
let http: Server;
let echo: TcpServer;
let streams: StreamServer;
let port = 0;
const typedFile = join(directory, 'typed');
const sizes: object[] = [];

/** As runc does: a session of its own, and its pid in a file before the command's first instruction. */
const plainProcess: PrepareExec = async (_cid, { args, directory: own }) => ({
  command: 'setsid',
  args: ['sh', '-c', 'echo $$ > "$0/pid" && exec "$@"', own, ...args],
  pidFile: join(own, 'pid'),
  errorFile: join(own, 'errors'),
});

beforeAll(async () => {
  streams = new StreamServer({
    records: () => [
      record(task({ spec: { containers: [container({ stdin: true, tty: true })] } }), {}, {
        life,
        starts: 1,
      } as never),
      record(
        task({
          metadata: { name: 'once-0-0' },
          spec: { containers: [container({ stdin: true, stdinOnce: true })] },
        }),
        {},
        { life, starts: 1 } as never,
      ),
      record(task({ metadata: { name: 'other-0-0', uid: 'other' } }), { uid: 'other' }, { life } as never),
    ],
    logDirectory: join(directory, 'logs'),
    runtime: {
      logRotation: 'reopen',
      exec: (cid, request) =>
        ExecProcess.start(cid, request, {
          ...{ prepare: plainProcess, directory: join(directory, 'x'), clock: systemClock },
        }),
      attach: async (_cid, { stdin, tty }) =>
        attachBy(
          stdin ? { command: 'sh', args: ['-c', 'exec cat > "$0"', typedFile] } : undefined,
          async (size) => void (tty && sizes.push(size)),
        ),
    },
    logger: silentLogger,
    limits,
  });
  http = createServer();
  http.on('upgrade', (request, socket, head) => streams.accept(request, socket, head));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  port = (http.address() as AddressInfo).port;
  echo = createTcpServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
});
afterEach(async () => {
  life = { state: 'running', cid: 'c', pid: 1, startedAtMs: 0 };
  for (const socket of opened.splice(0)) socket.terminate();
  await eventually('no command is left', () => readdirIfThere(join(directory, 'x')).length === 0);
});
afterAll(async () => {
  await streams.close();
  http.close();
  echo.close();
  rmSync(directory, { recursive: true });
});

function readdirIfThere(path: string): string[] {
  return existsSync(path) ? readdirSync(path) : [];
}

function ask(path: string, protocols = ['v5.channel.k8s.io']): WebSocket {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols);
  socket.on('error', () => {});
  opened.push(socket);
  return socket;
}

async function open(
  path: string,
  protocols?: string[],
): Promise<{ socket: WebSocket; stream: ChannelSocket }> {
  const socket = ask(path, protocols);
  socket.once('open', () => socket.pause());
  await once(socket, 'open');
  return { socket, stream: new ChannelSocket(socket, systemClock) };
}

function command(words: string[], flags = ''): string {
  const query = words.map((word) => `command=${encodeURIComponent(word)}`).join('&');
  return `/exec/default/web-0-0/main?${query}&${flags}`;
}

const script = (text: string, flags = ''): string => command(['sh', '-c', text], flags);

async function refused(path: string, protocols?: string[]): Promise<{ status: number; message: string }> {
  const [, response] = (await once(ask(path, protocols), 'unexpected-response')) as [
    unknown,
    IncomingMessage,
  ];
  let text = '';
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode ?? 0, message: JSON.parse(text).message };
}

async function outcome(
  stream: ChannelSocket,
): Promise<{ out: string; err: string; code: number | undefined }> {
  const result = { out: '', err: '', code: undefined as number | undefined };
  for await (const frame of stream.frames()) {
    if (frame.channel === channel.stdout) result.out += frame.payload;
    if (frame.channel === channel.stderr) result.err += frame.payload;
    if (frame.channel === channel.status) result.code = exitCodeOf(frame.payload);
  }
  return result;
}

/** Waits for a pid the command prints, and gives it. */
async function printedPid(stream: ChannelSocket): Promise<number> {
  for await (const { channel: number, payload } of stream.frames())
    if (number === channel.stdout) return Number(String(payload).trim());
  throw new Error('it printed nothing');
}

const isAlive = (pid: number): boolean =>
  existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));

describe('a command', () => {
  it.each(['v5.channel.k8s.io', 'v4.channel.k8s.io'])(
    'over %s gives both outputs and its exit code',
    async (protocol) => {
      const { stream } = await open(script('echo out; echo err >&2; exit 3'), [protocol]);
      expect(await outcome(stream)).toEqual({ out: 'out\n', err: 'err\n', code: 3 });
    },
  );

  it('reads its input to the end that is said', async () => {
    const { stream } = await open(command(['wc', '-c'], 'stdin=true'));
    for (let count = 0; count < 100; count++) await stream.send(channel.stdin, Buffer.alloc(60_000));
    await stream.closeChannel(channel.stdin);
    expect((await outcome(stream)).out.trim()).toBe('6000000');
  });

  it('has no input unless it was asked for', async () => {
    const { stream } = await open(command(['cat']));
    void stream.send(channel.stdin, Buffer.from('unasked'));
    expect(await outcome(stream)).toEqual({ out: '', err: '', code: 0 });
  });

  it('sends only what is wanted', async () => {
    const { stream } = await open(script('echo out; echo err >&2', 'stdout=false'));
    expect(await outcome(stream)).toEqual({ out: '', err: 'err\n', code: 0 });
  });

  it('that cannot be started ends as one not found', async () => {
    const { stream } = await open(command(['/no/such/program']));
    expect((await outcome(stream)).code).toBe(127);
  });

  it('and what it started are gone soon after the client is', async () => {
    const { socket, stream } = await open(script('sleep 1000 & echo $!; sleep 1000'));
    const pid = await printedPid(stream);
    expect(isAlive(pid)).toBe(true);
    socket.terminate();
    await eventually('the process is gone', () => !isAlive(pid));
  });

  it('waits for a client that does not read, and is killed with it', async () => {
    const { socket } = await open(command(['cat', '/dev/zero']));
    socket.pause();
    const [own = ''] = await eventually('it runs', () => {
      const found = readdirIfThere(join(directory, 'x'));
      return found.length === 1 && existsSync(join(directory, 'x', found[0] ?? '', 'pid')) && found;
    });
    const pid = Number(readFileSync(join(directory, 'x', own, 'pid'), 'utf8'));
    socket.terminate();
    await eventually('the process is gone', () => !isAlive(pid));
  });
});

describe('attached to a container', () => {
  const path = '/attach/default/web-0-0/main';
  const log = join(directory, 'logs', testUid, 'main', '0.log');
  const entry = (stream: string, tag: string, text: string): string =>
    `2030-01-01T00:00:01.000000001+00:00 ${stream} ${tag} ${text}\n`;
  beforeEach(() => {
    mkdirSync(join(log, '..'), { recursive: true });
    writeFileSync(log, entry('stdout', 'F', 'before'));
  });

  it('one sees what it writes from now on, byte for byte, until it ends', async () => {
    const { stream } = await open(path);
    appendFileSync(
      log,
      entry('stdout', 'P', 'prompt> ') + entry('stderr', 'F', 'oh') + entry('stdout', 'F', 'x'),
    );
    Object.assign(life, { state: 'ended' });
    expect(await outcome(stream)).toEqual({ out: 'prompt> x\n', err: 'oh\n', code: 0 });
  });

  // `kubectl run -i` printed nothing when the command was quicker than its attach.
  it('whose input is for one session alone shows that session all it wrote', async () => {
    const { stream } = await open('/attach/default/once-0-0/main');
    Object.assign(life, { state: 'ended' });
    expect(await outcome(stream)).toEqual({ out: 'before\n', err: '', code: 0 });
  });

  it('what is typed reaches it, and the size of the terminal', async () => {
    const { socket, stream } = await open(`${path}?stdin=true&tty=true`);
    await stream.send(channel.stdin, Buffer.from('typed\n'));
    await stream.sendFrame(encodeSize({ columns: 100, rows: 30 }));
    await eventually('it came', () => existsSync(typedFile) && readFileSync(typedFile, 'utf8') === 'typed\n');
    await eventually('it knows', () => sizes.length === 1);
    expect(sizes).toEqual([{ columns: 100, rows: 30 }]);
    socket.terminate();
  });

  it('its own input is closed for nobody who has none', async () => {
    writeFileSync(typedFile, 'untouched');
    const { socket, stream } = await open(path);
    await stream.send(channel.stdin, Buffer.from('unasked'));
    await stream.closeChannel(channel.stdin);
    socket.close();
    expect(readFileSync(typedFile, 'utf8')).toBe('untouched');
  });

  it('a log that is rotated meanwhile is read on', async () => {
    const { stream } = await open(path);
    appendFileSync(log, entry('stdout', 'F', 'old'));
    renameSync(log, `${log}.1`);
    writeFileSync(log, entry('stdout', 'F', 'new'));
    Object.assign(life, { state: 'ended' });
    expect((await outcome(stream)).out).toMatch(/^old\n/);
  });
});

describe('a port', () => {
  const path = (): string => `/portforward/default/web-0-0?ports=${(echo.address() as AddressInfo).port}`;

  it('gives back what goes in, after naming itself, and each half ends by itself', async () => {
    const { stream } = await open(path());
    const sent = Buffer.from('x'.repeat(300_000));
    for (let at = 0; at < sent.length; at += 50_000) await stream.send(0, sent.subarray(at, at + 50_000));
    await stream.closeChannel(0);
    const data: Buffer[] = [];
    for await (const frame of stream.frames()) if (frame.channel === 0) data.push(frame.payload);
    const all = Buffer.concat(data);
    expect(all.readUInt16LE(0)).toBe((echo.address() as AddressInfo).port);
    expect(all.subarray(2).equals(sent)).toBe(true);
  });

  it('that nobody listens on is refused', async () => {
    expect(await refused('/portforward/default/web-0-0?ports=1')).toMatchObject({ status: 503 });
  });
});

describe('the agent refuses', () => {
  it.each([
    ['a task that is not here', '/exec/default/gone/main?command=ls', 404],
    ['an earlier task of that name', '/exec/default/web-0-0/main?uid=x&command=ls', 404],
    ['a container it does not have', '/exec/default/web-0-0/side?command=ls', 404],
    ['no command', '/exec/default/web-0-0/main', 400],
    ['no port', '/portforward/default/web-0-0', 400],
    ['a path of nobody', '/debug/default/web-0-0/main', 404],
    ['a broken path', '/%E0%A4%A?command=ls', 404],
  ])('%s', async (_case, path, status) => {
    expect((await refused(path)).status).toBe(status);
  });

  it('a container that does not run', async () => {
    life = { state: 'waiting', reason: 'CrashLoopBackOff', retryAtMs: 0 };
    expect(await refused(command(['ls']))).toMatchObject({ status: 409 });
    expect(await refused('/attach/default/web-0-0/main')).toMatchObject({ status: 409 });
  });

  it('a protocol it does not speak', async () => {
    expect(await refused(command(['ls']), ['v1.channel.k8s.io'])).toMatchObject({ status: 400 });
  });

  it('more streams than a task, or the node, may have; those that end make room', async () => {
    const [first] = await Promise.all([1, 2, 3].map(() => open(command(['sleep', '1000']))));
    expect((await refused(command(['ls']))).status).toBe(429);
    const other = '/exec/default/other-0-0/main?command=sleep&command=1000';
    await open(other);
    expect((await refused(other)).status).toBe(429);
    first?.socket.terminate();
    await eventually('there is room', async () => {
      const { stream } = await open(command(['true'])).catch(() => ({ stream: undefined }));
      return stream && (await outcome(stream)).code === 0;
    });
  });
});

describe('garbage', () => {
  it.each([
    ['text', 'hello', false],
    ['an empty message', Buffer.alloc(0), true],
    ["a server's channel", encodeFrame(channel.stdout, Buffer.from('x')), true],
    ['a channel of nobody', encodeFrame(77, Buffer.from('x')), true],
    ['a size that is none', encodeFrame(channel.resize, Buffer.from('{"Width":"wide"}')), true],
  ])('such as %s ends the stream as a protocol error, and the command', async (_case, message, binary) => {
    const { socket, stream } = await open(script('echo $$; sleep 1000'));
    const pid = await printedPid(stream);
    const closed = once(socket, 'close');
    socket.send(message, { binary });
    expect((await closed)[0]).toBe(1002);
    await eventually('the process is gone', () => !isAlive(pid));
  });

  it('of any kind leaves the agent serving', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 }), async (messages) => {
        const { socket } = await open(command(['cat'], 'stdin=true'));
        const closed = once(socket, 'close');
        for (const message of messages) socket.send(message);
        socket.close();
        await closed;
        await eventually('the command is gone', () => readdirIfThere(join(directory, 'x')).length === 0);
      }),
      { numRuns: 25 },
    );
    const { stream } = await open(command(['echo', 'well']));
    expect((await outcome(stream)).out).toBe('well\n');
  });

  it('and clients that leave during the handshake leave no command', async () => {
    const headers =
      'Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
    for (const pause of [0, 1, 5]) {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      socket.write(`GET ${command(['sleep', '1000'])} HTTP/1.1\r\n${headers}`);
      await sleep(systemClock, pause);
      socket.resetAndDestroy();
    }
  });
});
