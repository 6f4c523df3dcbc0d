import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hasReason, type Reason } from '../../api/meta/api-error.ts';
import { linesOf, parseWatchLine } from '../../client/watch-stream.ts';

async function* chunksOf(...chunks: Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks;
}

async function collected(chunks: AsyncIterable<Buffer>, limitBytes?: number): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of linesOf(chunks, limitBytes)) lines.push(line);
  return lines;
}

describe('the lines of a watch', () => {
  test('come out whole, wherever the bytes are cut', async () => {
    const text = fc.array(fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat(200)), async (documents, cuts) => {
        const lines = documents.map((document) => JSON.stringify({ text: document }));
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const places = [
          0,
          ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b),
          bytes.length,
        ];
        const chunks = places.slice(1).map((end, i) => bytes.subarray(places[i], end));
        expect(await collected(chunksOf(...chunks))).toEqual(lines);
      }),
    );
  });

  test('keep a character that is split over two chunks', async () => {
    const bytes = Buffer.from('{"name":"Grüße 🚢"}\n');
    for (let cut = 1; cut < bytes.length; cut++) {
      const chunks = chunksOf(bytes.subarray(0, cut), bytes.subarray(cut));
      expect(await collected(chunks)).toEqual(['{"name":"Grüße 🚢"}']);
    }
  });

  test('leave out empty lines and carriage returns between events', async () => {
    expect(await collected(chunksOf(Buffer.from('\n{}\n\r\n\n{}\n')))).toEqual(['{}', '{}']);
  });

  test('end with an error when the last one has no end', async () => {
    await expect(collected(chunksOf(Buffer.from('{}\n{"type"')))).rejects.toMatchObject({
      reason: 'ServiceUnavailable',
    });
  });

  test('are refused when one does not end', async () => {
    const chunks = chunksOf(Buffer.alloc(60, 'x'), Buffer.alloc(60, 'x'));
    await expect(collected(chunks, 100)).rejects.toMatchObject({ reason: 'InternalError' });
  });
});

describe('a watch line', () => {
  test('that carries an ERROR event becomes the ApiError it is', () => {
    const object = { kind: 'Status', status: 'Failure', reason: 'Expired', code: 410, message: 'too old' };
    const parse = () => parseWatchLine(JSON.stringify({ type: 'ERROR', object }));
    expect(parse).toThrow(expect.objectContaining({ reason: 'Expired', message: 'too old' }));
  });

  test.each<[string, Reason]>([
    ['not json', 'InternalError'],
    ['null', 'InternalError'],
    ['[]', 'InternalError'],
    ['{"type":"ADDED"}', 'InternalError'],
    ['{"type":"NEWS","object":{}}', 'InternalError'],
    ['{"object":{}}', 'InternalError'],
    ['{"type":"ADDED","object":null}', 'InternalError'],
    ['{"type":"ERROR","object":{"code":500}}', 'InternalError'],
    ['{"type":"ERROR","object":{"code":410}}', 'Gone'],
  ])('%s is an error', (line, reason) => {
    expect(() => parseWatchLine(line)).toThrow(expect.toSatisfy((error) => hasReason(error, reason)));
  });
});
