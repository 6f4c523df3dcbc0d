/** SPDY/3.1 on a connection in memory: what a client may do, must not, and cannot break. */
import { type Duplex, duplexPair } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../../api/meta/clock.ts';
import { encodeData, SpdyFrames } from '../../../../api/meta/spdy-frames.ts';
import { SpdyHeaderWriter } from '../../../../api/meta/spdy-header-writer.ts';
import { channel } from '../../../../api/meta/stream-channels.ts';
import { SpdyChannels } from '../../../../api/server/streams/spdy-channels.ts';
import { spdyDictionary } from '../../../../api/server/streams/spdy-dictionary.ts';
import { HeaderReader } from '../../../../api/server/streams/spdy-headers.ts';
import { SpdySession } from '../../../../api/server/streams/spdy-session.ts';
import type { SpdyStream } from '../../../../api/server/streams/spdy-stream.ts';
import { eventually } from '../../../e2e/nodeagent/machine-traces.ts';
import { controlFrame, HeaderPacker, SpdyClient, words } from './spdy-client.ts';

const type = { synReply: 2, reset: 3, settings: 4, ping: 6, goaway: 7, windowUpdate: 9 };

interface Connection {
  client: SpdyClient;
  server: Duplex;
  streams: SpdyStream[];
  /** What the server's streams received. */
  heard: string[];
  served: Promise<void>;
  clock: VirtualClock;
}

/** Every stream is welcome, and what it says is written down. */
function connect({ maxStreams = 10 } = {}): Connection {
  const [near, server] = duplexPair();
  const clock = new VirtualClock();
  const streams: SpdyStream[] = [];
  const heard: string[] = [];
  const session = new SpdySession(server, {
    clock,
    maxStreams,
    onStream(stream) {
      const name = stream.headers.get('streamtype');
      streams.push(stream);
      stream.listener = {
        data: (bytes) => heard.push(`${name}: ${bytes}`),
        end: () => heard.push(`${name} ends`),
        lost: () => heard.push(`${name} lost`),
      };
      return true;
    },
  });
  return { client: new SpdyClient(near), server, streams, heard, served: session.serve(), clock };
}

describe('header compression', () => {
  it('begins with the dictionary of the specification', () => {
    let [a, b] = [1, 0];
    for (const byte of spdyDictionary) {
      a = (a + byte) % 65_521;
      b = (b + a) % 65_521;
    }
    expect([spdyDictionary.length, (b * 65_536 + a).toString(16)]).toEqual([1423, 'e3c6a7c2']);
  });

  it('goes on from block to block', async () => {
    const [packer, reader] = [new HeaderPacker(), new HeaderReader()];
    const [first, second] = [
      { streamtype: 'stdin', port: '80' },
      { streamtype: 'stdin', port: '8080' },
    ];
    expect(Object.fromEntries(reader.read(await packer.pack(first)))).toEqual(first);
    const block = await packer.pack(second);
    expect(block.length).toBeLessThan(30);
    expect(Object.fromEntries(reader.read(block))).toEqual(second);
  });

  it('of a block without headers is what any reader understands', () => {
    const [writer, reader] = [new SpdyHeaderWriter(), new HeaderReader()];
    for (let block = 0; block < 3; block++) expect(reader.read(writer.block({})).size).toBe(0);
  });

  it.each([
    ['a block that unpacks to a megabyte', Buffer.alloc(1024 * 1024)],
    ['a block that ends early', words(1, 10)],
    ['a thousand headers', Buffer.concat([words(1000), Buffer.alloc(8000)])],
  ])('refuses %s', async (_case, bytes) => {
    const block = await new HeaderPacker().packBytes(bytes);
    expect(() => new HeaderReader().read(block)).toThrow(/headers/);
  });
});

describe('a SPDY connection', () => {
  it('answers streams, carries bytes both ways, and ends each direction by itself', async () => {
    const { client, streams, heard } = connect();
    const id = await client.open({ streamtype: 'stdin' });
    client.send(id, 'hello', true);
    await eventually('it came', () => heard.length === 2);
    expect(heard).toEqual(['stdin: hello', 'stdin ends']);
    streams[0]?.send(Buffer.from('back'), () => {});
    streams[0]?.end();
    await eventually('it ended', () => client.isEnded(id));
    expect(client.data(id)).toBe('back');
    expect(client.control(type.synReply).map(({ streamId }) => streamId)).toEqual([id]);
  });

  it('sends pings back, and pings of its own', async () => {
    const { client, clock } = connect();
    client.socket.write(controlFrame(type.ping, words(7)));
    await eventually('it came back', () => client.control(type.ping).length === 1);
    await clock.advance(5000);
    await eventually('another came', () => client.control(type.ping).length === 2);
    expect(client.control(type.ping).map(({ streamId }) => streamId)).toEqual([7, 2]);
  });

  it('refuses a stream too many, resets what is for no stream, and goes on', async () => {
    const { client, heard } = connect({ maxStreams: 1 });
    await client.open({ streamtype: 'one' });
    const second = await client.open({ streamtype: 'two' });
    client.send(99, 'to nobody');
    client.send(1, 'still');
    await eventually('it came', () => heard.includes('one: still'));
    const resets = client
      .control(type.reset)
      .map(({ payload }) => [payload.readUInt32BE(0), payload.readUInt32BE(4)]);
    expect(resets).toEqual([
      [second, 3],
      [99, 2],
    ]);
  });

  it('reads nothing while a stream is paused', async () => {
    const { client, streams, heard } = connect();
    const id = await client.open({ streamtype: 'stdin' });
    await eventually('it is open', () => streams.length === 1);
    streams[0]?.pause();
    for (let count = 0; count < 100; count++) client.send(id, Buffer.alloc(64 * 1024));
    await eventually('the connection is full', () => client.socket.writableLength > 1024 * 1024);
    await new Promise((resolve) => setTimeout(resolve, 50));
    // What was read already, and no more.
    expect(heard.length).toBeLessThan(10);
    streams[0]?.resume();
    await eventually(
      'all came',
      () => heard.reduce((sum, text) => sum + text.length - 7, 0) === 100 * 64 * 1024,
    );
  });

  it('knows no windows until the client speaks of them, and obeys them then', async () => {
    const { client, streams } = connect();
    const id = await client.open({ streamtype: 'stdout' });
    await eventually('it is open', () => streams.length === 1);
    let sent = 0;
    streams[0]?.send(Buffer.alloc(100_000, 'a'), () => sent++);
    await eventually('all came', () => client.data(id).length === 100_000 && sent === 1);
    const other = await client.open({ streamtype: 'stdout' });
    client.socket.write(controlFrame(type.settings, words(1, 7, 10)));
    client.socket.write(controlFrame(type.windowUpdate, words(0, 1_000_000)));
    await eventually('it is open', () => streams.length === 2);
    await new Promise((resolve) => setTimeout(resolve, 20));
    streams[1]?.send(Buffer.from('0123456789abcdef'), () => sent++);
    await eventually('ten came', () => client.data(other).length === 10);
    expect(sent).toBe(1);
    client.socket.write(controlFrame(type.windowUpdate, words(other, 100)));
    await eventually('the rest came', () => client.data(other) === '0123456789abcdef' && sent === 2);
  });

  it('tells its streams when it is lost', async () => {
    const { client, heard, served } = connect();
    await client.open({ streamtype: 'stdin' });
    client.socket.end();
    await served;
    expect(heard).toEqual(['stdin lost']);
  });

  it.each([
    ['another version', Buffer.from([0x80, 2, 0, 6, 0, 0, 0, 4, 0, 0, 0, 1])],
    ['a control frame of 16 MB', Buffer.from([0x80, 3, 0, 6, 0, 0xff, 0xff, 0xff])],
    ['a short frame', controlFrame(3, words(1))],
    ['headers that are none', controlFrame(1, Buffer.concat([words(1, 0), Buffer.from('xx garbage')]))],
    ['settings without end', controlFrame(4, words(0xffff_ffff))],
    ['an answer to nothing', controlFrame(2, words(1))],
  ])('ends with a word after %s', async (_case, bytes) => {
    const { client, served } = connect();
    client.socket.write(bytes);
    await served;
    expect(client.control(type.goaway).map(({ payload }) => payload.readUInt32BE(4))).toEqual([1]);
  });

  it('ends when a stream comes with a number that was there', async () => {
    const { client, served } = connect();
    await client.open({ streamtype: 'one' });
    client.socket.write(await client.synStream(1, { streamtype: 'two' }));
    await served;
    expect(client.control(type.goaway)).toHaveLength(1);
  });

  it('outlives any garbage: it ends, or goes on, and never throws', async () => {
    const whole = await validSession();
    const cut = fc
      .tuple(fc.nat(whole.length), fc.uint8Array({ maxLength: 30 }))
      .map(([at, noise]) => Buffer.concat([whole.subarray(0, at), noise, whole.subarray(at)]));
    const garbage = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
    await fc.assert(
      fc.asyncProperty(fc.oneof(cut, garbage), fc.nat(50), async (bytes, piece) => {
        const { client, served } = connect();
        for (let at = 0; at < bytes.length; at += piece + 1)
          client.socket.write(bytes.subarray(at, at + piece + 1));
        client.socket.end();
        await served;
      }),
      { numRuns: 300, seed: 31 },
    );
  });

  it('reads the same frames however the bytes are cut', async () => {
    const whole = await validSession();
    const read = (pieces: Buffer[]): string => {
      const frames = new SpdyFrames();
      const all = pieces.flatMap((piece) => [...frames.push(piece)]);
      return all
        .map((frame) =>
          frame.type === 'data' ? `${frame.data}${frame.fin ? '.' : ''}` : JSON.stringify(frame),
        )
        .join('');
    };
    const expected = read([whole]);
    for (let at = 0; at <= whole.length; at++)
      expect(read([whole.subarray(0, at), whole.subarray(at)])).toBe(expected);
  });
});

describe("a command's streams", () => {
  it('become messages, sizes one by one, and its end is told on the one for errors', async () => {
    const [near, server] = duplexPair();
    const session = new SpdySession(server, {
      clock: new VirtualClock(),
      maxStreams: 6,
      onStream: (stream) => channels.accept(stream),
    });
    const channels = new SpdyChannels(session, { stdin: true, stdout: true, stderr: false, tty: true });
    const served = session.serve().then(() => channels.connectionClosed());
    const client = new SpdyClient(near);
    const messages: string[] = [];
    channels.listen({
      message: (data) => messages.push(`${data[0]} ${data.subarray(1)}`),
      closed: (code) => messages.push(`closed ${code}`),
    });
    const error = await client.open({ streamtype: 'error' });
    const stdin = await client.open({ streamtype: 'stdin' });
    client.send(stdin, 'early');
    const resize = await client.open({ streamtype: 'resize' });
    await client.open({ streamtype: 'stderr' });
    await client.open({ streamtype: 'stdout' });
    expect(await channels.complete).toBe(true);
    channels.resume();
    client.send(resize, '{"Width":1,"Height":2}\n{"Width"');
    client.send(resize, ':3,"Height":4}\n');
    client.send(stdin, 'late', true);
    await eventually('all came', () => messages.length === 5);
    expect(messages).toEqual([
      '0 early',
      '4 {"Width":1,"Height":2}',
      '4 {"Width":3,"Height":4}',
      '0 late',
      `${channel.close} \u0000`,
    ]);
    expect(client.control(type.reset)).toHaveLength(1);
    channels.close(1011, 'the other side of the stream was lost');
    await eventually('it is told', () => client.isEnded(error));
    client.socket.end();
    await served;
    expect(JSON.parse(client.data(error))).toMatchObject({
      message: 'the other side of the stream was lost',
    });
    expect(messages.at(-1)).toBe('closed 1000');
  });
});

async function validSession(): Promise<Buffer> {
  const [near, server] = duplexPair();
  const client = new SpdyClient(near);
  const frames = [
    await client.synStream(1, { streamtype: 'error' }),
    await client.synStream(3, { streamtype: 'stdin', port: '80' }),
    encodeData(3, Buffer.from('some data')),
    controlFrame(type.ping, words(1)),
    encodeData(3, Buffer.from('and its end'), true),
    controlFrame(type.windowUpdate, words(3, 10)),
    controlFrame(type.goaway, words(3, 0)),
  ];
  server.destroy();
  near.destroy();
  return Buffer.concat(frames);
}
