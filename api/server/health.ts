/** /healthz, /livez, /readyz: named checks, each also on its own path; `?verbose` lists them all. */
import { type ApiResponse, textResponse } from './request.ts';

export interface HealthCheck {
  name: string;
  /** Checked for readiness only: a failure does not mean that a restart would help. */
  readinessOnly: boolean;
  /** What is wrong, or undefined. Never rejects. */
  check: () => Promise<string | undefined>;
}

const roots = ['/healthz', '/livez', '/readyz'];

export function isHealthPath(path: string): boolean {
  return roots.some((root) => path === root || path.startsWith(`${root}/`));
}

export async function healthAnswer(
  checks: readonly HealthCheck[],
  path: string,
  verbose: boolean,
): Promise<ApiResponse> {
  const [, root = '', only] = path.split('/');
  const wanted = checks.filter(
    ({ name, readinessOnly }) =>
      (only === undefined || name === only) && (root === 'readyz' || !readinessOnly),
  );
  if (only !== undefined && wanted.length === 0) return textResponse(404, `no such check: ${only}\n`);
  const results = await Promise.all(
    wanted.map(async ({ name, check }) => ({ name, problem: await check() })),
  );
  const failed = results.some(({ problem }) => problem !== undefined);
  if (!failed && !verbose) return textResponse(200, 'ok');
  const lines = results.map(({ name, problem }) =>
    problem === undefined ? `[+]${name} ok` : `[-]${name} failed: ${problem}`,
  );
  const verdict = failed ? `${root} check failed` : `${root} check passed`;
  return textResponse(failed ? 503 : 200, `${[...lines, verdict].join('\n')}\n`);
}
