/** Where a paged list goes on: the revision of its first page and the last key sent. Opaque to clients. */
import { ApiError } from '../../meta/api-error.ts';
import type { Revision } from '../../store/store.ts';

export interface Continuation {
  /** 0: the snapshot is gone, go on in whatever is current. */
  revision: Revision;
  /** The key of the object sent last. */
  after: string;
}

export function encodeContinue({ revision, after }: Continuation): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start: after })).toString(
    'base64url',
  );
}

/** Throws ApiError BadRequest for anything this server did not make. */
export function decodeContinue(token: string): Continuation {
  try {
    const { v, rv, start } = JSON.parse(Buffer.from(token, 'base64url').toString()) as Record<
      string,
      unknown
    >;
    if (v === 'meta.k8s.io/v1' && Number.isSafeInteger(rv) && typeof start === 'string')
      return { revision: rv as number, after: start };
  } catch {
    // Falls through to the one refusal.
  }
  throw new ApiError('BadRequest', 'continue key is not valid: use the token of the last page unchanged');
}
