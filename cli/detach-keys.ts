/** Ctrl-P Ctrl-Q among what is typed, as in Docker: the way out of a terminal that takes every other key. */

const ctrlP = 0x10;
const ctrlQ = 0x11;

/** What is typed, until the two keys come one after the other: then `detach` is called, and nothing more comes. */
export async function* detachable(input: AsyncIterable<Buffer>, detach: () => void): AsyncGenerator<Buffer> {
  /** A Ctrl-P is kept until it is known what follows it. */
  let kept = false;
  for await (const typed of input) {
    const bytes: Buffer = kept ? Buffer.concat([Buffer.of(ctrlP), typed]) : typed;
    const at = bytes.indexOf(Buffer.of(ctrlP, ctrlQ));
    if (at >= 0) {
      if (at > 0) yield bytes.subarray(0, at);
      return detach();
    }
    kept = bytes.at(-1) === ctrlP;
    const ready = kept ? bytes.subarray(0, -1) : bytes;
    if (ready.length > 0) yield ready;
  }
}
