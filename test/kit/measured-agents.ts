/** Node agents reduced to what they say is used: each node 250m and 64Mi, each task on it 100m and 32Mi. */
import { ApiError } from '../../api/meta/api-error.ts';
import type { NodeClient } from '../../api/server/node-client.ts';

const mebibyte = 1024 ** 2;

export interface MeasuredAgents extends NodeClient {
  /** Addresses that were asked, in order. */
  asked: string[];
}

/** `uidsOn` gives the tasks of the agent at an address; undefined: it does not answer. */
export function measuredAgents(uidsOn: (hostname: string) => Promise<string[] | undefined>): MeasuredAgents {
  const asked: string[] = [];
  return {
    asked,
    async stream(url) {
      asked.push(url.hostname);
      const uids = await uidsOn(url.hostname);
      if (!uids) throw new ApiError('ServiceUnavailable', 'nobody there');
      const pods = uids.map((uid) => {
        const podRef = { uid };
        return { podRef, ...used(100, 32), containers: [{ name: 'main', ...used(100, 32) }] };
      });
      const text = JSON.stringify({ node: used(250, 64), pods });
      return (async function* () {
        yield Buffer.from(text);
      })();
    },
    openStream: () => Promise.reject(new ApiError('ServiceUnavailable', 'nobody there')),
  };
}

function used(milli: number, mebibytes: number) {
  return {
    cpu: { time: '2030-01-01T00:00:00Z', usageNanoCores: milli * 1e6, windowMs: 10_000 },
    memory: { workingSetBytes: mebibytes * mebibyte },
  };
}
