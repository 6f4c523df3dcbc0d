import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { freePort, isPortFree, listensOn } from '../../cluster/ports.ts';

async function listening<T>(body: (port: number) => Promise<T>): Promise<T> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await body((server.address() as { port: number }).port);
  } finally {
    server.close();
  }
}

describe('ports', () => {
  it('gives the wanted port when it is free, another when it is not', async () => {
    const port = await freePort();
    expect(await freePort('127.0.0.1', port)).toBe(port);
    await listening(async (taken) => {
      expect(await isPortFree('127.0.0.1', taken)).toBe(false);
      expect(await freePort('127.0.0.1', taken)).not.toBe(taken);
    });
  });

  it('knows whose a listening port is', async () => {
    await listening(async (port) => {
      expect(listensOn(process.pid, port)).toBe(true);
      expect(listensOn(process.ppid, port)).toBe(false);
    });
    expect(listensOn(process.pid, await freePort())).toBe(false);
  });
});
