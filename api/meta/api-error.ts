/**
 * The one error of the house, and the one table of its reasons.
 *
 * Everything that can go wrong in a way a caller may want to tell apart is an `ApiError` with a reason
 * from `reasons`. Libraries throw it, edges translate it (HTTP status, exit code, task reason). Nothing
 * ever matches on message text. Reasons with a Kubernetes counterpart carry Kubernetes' word, so that
 * kubectl and client libraries treat them as they treat their own.
 */

interface ReasonRow {
  /** HTTP status code. */
  status: number;
  /** True when the same request may succeed later without being changed. */
  retryable: boolean;
  doc: string;
}

export const reasons = {
  BadRequest: { status: 400, retryable: false, doc: 'The request itself is malformed.' },
  Unauthorized: { status: 401, retryable: false, doc: 'No identity, or one that does not verify.' },
  Forbidden: { status: 403, retryable: false, doc: 'The identity may not do this.' },
  NotFound: { status: 404, retryable: false, doc: 'No such object or path.' },
  MethodNotAllowed: { status: 405, retryable: false, doc: 'The resource does not have this verb.' },
  NotAcceptable: { status: 406, retryable: false, doc: 'None of the accepted media types can be served.' },
  AlreadyExists: { status: 409, retryable: false, doc: 'An object of that name exists.' },
  Conflict: {
    status: 409,
    retryable: true,
    doc: 'The object changed since it was read: read it again and retry.',
  },
  Gone: { status: 410, retryable: false, doc: 'The thing existed and will not come back.' },
  Expired: {
    status: 410,
    retryable: true,
    doc: 'The revision was compacted: list again and go on from there.',
  },
  RequestEntityTooLarge: { status: 413, retryable: false, doc: 'The body or object is over the size limit.' },
  UnsupportedMediaType: {
    status: 415,
    retryable: false,
    doc: 'The body has a media type this resource does not take.',
  },
  Invalid: {
    status: 422,
    retryable: false,
    doc: 'The object breaks the rules of its kind; causes name the fields.',
  },
  TooManyRequests: { status: 429, retryable: true, doc: 'Overloaded: retry after the given seconds.' },
  InternalError: { status: 500, retryable: true, doc: 'A bug or an unforeseen state of this server.' },
  ServiceUnavailable: {
    status: 503,
    retryable: true,
    doc: 'A part this request needs (the store, a node) cannot be reached.',
  },
  Timeout: { status: 504, retryable: true, doc: 'No answer in time; a write may or may not have happened.' },
  InsufficientStorage: {
    status: 507,
    retryable: true,
    doc: 'The disk or the quota of the store is full; nothing was written.',
  },
} as const satisfies Record<string, ReasonRow>;

export type Reason = keyof typeof reasons;

/** One broken field: `field` is a path such as `spec.template.spec.containers[0].image`. */
export interface Cause {
  field: string;
  message: string;
  /** Kubernetes' machine word for the cause. */
  reason?:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueNotSupported'
    | 'FieldValueForbidden'
    | 'FieldValueDuplicate'
    | 'FieldManagerConflict'
    | 'ResourceVersionTooLarge'
    | 'NamespaceTerminating'
    | 'DisruptionBudget';
}

export interface ErrorDetails {
  group?: string;
  /** The plural resource for NotFound and Conflict, the Kind for Invalid (as in Kubernetes). */
  kind?: string;
  name?: string;
  uid?: string;
  causes?: Cause[];
  retryAfterSeconds?: number;
}

/** Kubernetes `v1.Status`, as every error answer looks on the wire. */
export interface Status {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: Record<string, never>;
  status: 'Success' | 'Failure';
  message?: string;
  reason?: string;
  details?: ErrorDetails;
  code: number;
}

export class ApiError extends Error {
  readonly reason: Reason;
  readonly details: ErrorDetails;

  constructor(reason: Reason, message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'ApiError';
    this.reason = reason;
    this.details = details;
  }

  get status(): number {
    return reasons[this.reason].status;
  }

  get retryable(): boolean {
    return reasons[this.reason].retryable;
  }

  toStatus(): Status {
    const { reason, message, details, status: code } = this;
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason,
      details,
      code,
    };
  }

  /** Rebuilds the error from a `v1.Status` body; an unknown reason falls back on the HTTP code. */
  static fromStatus(status: Partial<Status>, httpCode: number): ApiError {
    const reason = isReason(status.reason) ? status.reason : reasonOfCode(status.code ?? httpCode);
    return new ApiError(reason, status.message ?? `HTTP ${httpCode}`, status.details ?? {});
  }
}

/** What is this error to us? Anything that is not an ApiError is an InternalError with its cause kept. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new ApiError('InternalError', message, {}, error);
}

export function hasReason(error: unknown, ...wanted: Reason[]): error is ApiError {
  return error instanceof ApiError && wanted.includes(error.reason);
}

/** Makes "cannot happen" visible to the compiler: every case of a union is handled before it. */
export function assertNever(value: never): never {
  throw new ApiError('InternalError', `unexpected value ${JSON.stringify(value)}`);
}

function isReason(word: string | undefined): word is Reason {
  return word !== undefined && Object.hasOwn(reasons, word);
}

function reasonOfCode(code: number): Reason {
  const match = (Object.keys(reasons) as Reason[]).find((reason) => reasons[reason].status === code);
  return match ?? (code >= 500 ? 'InternalError' : 'BadRequest');
}
