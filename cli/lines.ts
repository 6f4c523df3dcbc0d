/**
 * A stream of bytes as lines of text, without their line feeds; the last one may lack its own. Of a line without end
 * no more than a megabyte is kept: it comes in pieces.
 */
const maxLineCharacters = 1024 ** 2;

export async function* lines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = parts.pop() ?? '';
    yield* parts;
    if (rest.length < maxLineCharacters) continue;
    yield rest;
    rest = '';
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}
