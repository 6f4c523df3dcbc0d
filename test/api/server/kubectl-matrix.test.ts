/** Every verb with every kubectl of this machine, on the real server over TLS. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { KubectlServer, kubectls } from '../../kit/kubectl.ts';
import { formatMatrix, redCells, runMatrix } from '../../kit/kubectl-matrix.ts';
import { kubectlRows } from './kubectl-rows.ts';

let server: KubectlServer;
beforeAll(async () => {
  server = await KubectlServer.start();
});
afterAll(() => server.close());

test('every verb works with every version of kubectl', { timeout: 300_000 }, async () => {
  const matrix = await runMatrix({
    server,
    binaries: kubectls(),
    rows: kubectlRows,
    inFlight: 4,
  });
  process.stdout.write(`${formatMatrix(matrix)}\n`);
  expect(redCells(matrix)).toEqual([]);
});
