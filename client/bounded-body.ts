/** The body of an answer, taken in whole and within bounds: for what is small when nothing is wrong. */
import { ApiError } from '../api/meta/api-error.ts';

/** Throws ApiError RequestEntityTooLarge. */
export async function readBody(answer: AsyncIterable<Buffer>, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer) {
    bytes += chunk.length;
    if (bytes > maxBytes)
      throw new ApiError('RequestEntityTooLarge', `an answer of more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
