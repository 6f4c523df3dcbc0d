/**
 * Asks a gRPC server how it is: `grpc.health.v1.Health/Check`. The two messages have one field each, so they are
 * written and read by hand; the library is loaded with the first probe that needs it.
 *
 *   HealthCheckRequest { string service = 1 }      HealthCheckResponse { enum status = 1 }
 */
import type { ServiceError } from '@grpc/grpc-js';

const statusNames = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const;
export type ServingStatus = (typeof statusNames)[number];

const method = '/grpc.health.v1.Health/Check';
const serviceField = 0x0a;
const statusField = 0x08;
const maxAnswerBytes = 1024;

export interface HealthQuestion {
  /** `host:port`. */
  address: string;
  /** Empty: the server itself. */
  service: string;
}

/** Rejects with an Error that says what went wrong, or when `signal` aborts. */
export async function checkGrpcHealth(
  { address, service }: HealthQuestion,
  signal: AbortSignal,
): Promise<ServingStatus> {
  const { Client, credentials, status } = await import('@grpc/grpc-js');
  const client = new Client(address, credentials.createInsecure(), {
    'grpc.max_receive_message_length': maxAnswerBytes,
    'grpc.primary_user_agent': 'gantry-probe',
    // Each probe asks anew: nothing is shared with an earlier connection.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
  });
  try {
    return await new Promise<ServingStatus>((resolve, reject) => {
      const answer = (error: ServiceError | null, reply?: ServingStatus): void => {
        if (reply !== undefined) resolve(reply);
        else if (error?.code === status.UNIMPLEMENTED)
          reject(
            new Error(`the server at ${address} does not serve the health of services (grpc.health.v1)`),
          );
        else reject(new Error(`${error?.details ?? 'no answer'} (gRPC code ${error?.code})`));
      };
      const call = client.makeUnaryRequest(method, encodeService, decodeStatus, service, answer);
      signal.addEventListener('abort', () => call.cancel(), { once: true });
      if (signal.aborted) call.cancel();
    });
  } finally {
    client.close();
  }
}

export function encodeService(service: string): Buffer {
  const text = Buffer.from(service);
  if (text.length === 0) return text;
  return Buffer.concat([Buffer.from([serviceField, ...varint(text.length)]), text]);
}

/** The status is the only field that matters, and comes alone; an enum's zero is not sent at all. */
export function decodeStatus(bytes: Buffer): ServingStatus {
  const number = bytes.length === 0 ? 0 : bytes[0] === statusField ? bytes[1] : undefined;
  const name = number === undefined ? undefined : statusNames[number];
  if (name === undefined) throw new Error('the answer is no HealthCheckResponse');
  return name;
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}
