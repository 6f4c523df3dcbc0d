/** What a node agent says when it refuses, and what is said when it says nothing. */
import type { IncomingMessage } from 'node:http';
import { ApiError } from '../meta/api-error.ts';

const maxErrorBytes = 64 * 1024;

export function unreachable({ host }: URL, error: Error): ApiError {
  return new ApiError(
    'ServiceUnavailable',
    `the node agent at ${host} cannot be reached: ${error.message}`,
    {},
    error,
  );
}

/** Agents answer with a v1.Status; anything else is told by its HTTP code. */
export async function agentError(response: IncomingMessage): Promise<ApiError> {
  let text = '';
  for await (const chunk of response) {
    text += String(chunk);
    if (text.length > maxErrorBytes) break;
  }
  const code = response.statusCode ?? 500;
  try {
    return ApiError.fromStatus(JSON.parse(text) as object, code);
  } catch {
    return ApiError.fromStatus({ message: text.slice(0, 1000) || `the node agent answered ${code}` }, code);
  }
}
