/** One HTTPS request to a registry or a peer, and its body taken in within bounds. */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { pipeline } from 'node:stream/promises';
import { rootCertificates } from 'node:tls';
import { ApiError } from '../../api/meta/api-error.ts';
import { hasCode } from '../volumes/system-errors.ts';
import type { Endpoint } from './registries.ts';

export interface Exchange {
  headers?: Record<string, string>;
  signal: AbortSignal;
}

export interface Download {
  /** File to write. */
  path: string;
  signal: AbortSignal;
}

/** A side that says nothing for so long is gone. */
const silenceMs = 60_000;

/** Throws ApiError ServiceUnavailable when there is no answer. */
export async function exchange(
  url: URL,
  { caFile, verify }: Endpoint,
  { headers = {}, signal }: Exchange,
): Promise<IncomingMessage> {
  const ca = caFile === undefined ? undefined : [...rootCertificates, await readFile(caFile, 'utf8')];
  const options: RequestOptions & { ca?: string[]; rejectUnauthorized: boolean } = {
    headers: { ...headers, 'user-agent': 'gantry-node' },
    signal,
    timeout: silenceMs,
    rejectUnauthorized: verify,
    ...(ca ? { ca } : {}),
  };
  try {
    return await answerTo(url, options);
  } catch (error) {
    // A registry that need not be verified may speak plain HTTP.
    if (!verify && url.protocol === 'https:' && hasCode(error, 'EPROTO'))
      return exchange(
        new URL(url.href.replace(/^https:/, 'http:')),
        { host: url.host, verify },
        { headers, signal },
      );
    signal.throwIfAborted();
    throw new ApiError(
      'ServiceUnavailable',
      `${url.host}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function answerTo(url: URL, options: RequestOptions): Promise<IncomingMessage> {
  const send = url.protocol === 'http:' ? httpRequest : httpsRequest;
  return new Promise((resolve, reject) => {
    const request = send(url, options, resolve);
    request.once('error', reject);
    request.once('timeout', () => request.destroy(new Error(`said nothing for ${silenceMs / 1000} s`)));
    request.end();
  });
}

/** Throws ApiError BadRequest when it is not what its digest says, or longer, or shorter. */
export async function saveBody(
  answer: IncomingMessage,
  { digest, size }: { digest: string; size: number },
  { path, signal }: Download,
): Promise<void> {
  const hash = createHash('sha256');
  let bytes = 0;
  const checked = async function* (chunks: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > size) throw wrongBlob(digest, `is longer than the ${size} bytes its manifest says`);
      hash.update(chunk);
      yield chunk;
    }
  };
  await pipeline(answer, checked, createWriteStream(path, { flags: 'wx', mode: 0o600 }), { signal });
  if (bytes < size) throw wrongBlob(digest, `ended after ${bytes} of ${size} bytes`);
  if (`sha256:${hash.digest('hex')}` !== digest) throw wrongBlob(digest, 'came with other content');
}

function wrongBlob(digest: string, problem: string): ApiError {
  return new ApiError('BadRequest', `corrupt: ${digest.slice(0, 19)} ${problem}`);
}
