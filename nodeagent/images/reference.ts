/**
 * Names of images. Two spellings of one image have one normal form, the shortest:
 * `docker.io/library/busybox:latest`, `busybox:latest` and `busybox` are all `busybox:latest`.
 */

const grammar =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]{0,250}[a-zA-Z0-9])?(?::\d{1,5})?\/)?[a-z0-9]+(?:[._-]{1,2}[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]{1,2}[a-z0-9]+)*)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[a-f0-9]{64})?$/;

/** Undefined when `text` is no image reference at all; such a text must never reach a tool. */
export function normalReference(text: string): string | undefined {
  if (text.length > 512 || !grammar.test(text)) return undefined;
  const bare = text.replace(/^(?:docker\.io|index\.docker\.io)\//, '').replace(/^library\//, '');
  const hasTag = /:[^/]+$/.test(bare);
  return hasTag ? bare : `${bare}:latest`;
}

/** The digest an image is pinned to, `sha256:…`, if its name has one. */
export function digestOf(reference: string): string | undefined {
  return /@(sha256:[a-f0-9]{64})$/.exec(reference)?.[1];
}
