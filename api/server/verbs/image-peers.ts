/**
 * GET nodes/{name}/imagepeers?digest=sha256:…: other nodes that have an image, for a node that wants it. A few of
 * them, at random, as Node objects with no more than it takes to reach their agents.
 *
 * Invariant: a node learns where an image is whose digest it knows already, and nothing else of other nodes.
 */

import { isDigest } from '../../kinds/image-digest.ts';
import { names } from '../../kinds/names.ts';
import type { Node } from '../../kinds/resources.ts';
import { ApiError } from '../../meta/api-error.ts';
import { isConditionTrue } from '../../meta/conditions.ts';
import type { AnyObject } from '../../meta/object-meta.ts';
import type { Call } from '../call.ts';
import { type ApiResponse, jsonResponse } from '../request.ts';

const mostPeers = 4;

/** Throws ApiError BadRequest. */
export async function imagePeers({ backend, path, query }: Call): Promise<ApiResponse> {
  const digest = query.get('digest') ?? '';
  if (!isDigest(digest))
    throw new ApiError('BadRequest', `digest: want sha256:<64 hex digits>, not ${JSON.stringify(digest)}`);
  const peers: object[] = [];
  for (const object of backend.cache.kind(names.Node).list({})) {
    const { digests, peer } = object.fact(peerFacts);
    if (peer && object.key !== path.name && digests.has(digest)) peers.push(peer);
  }
  const items = Array.from({ length: Math.min(mostPeers, peers.length) }, () => {
    const [one] = peers.splice(Math.floor(backend.random.next() * peers.length), 1);
    return one;
  });
  return jsonResponse(200, { kind: 'NodeList', apiVersion: 'v1', metadata: {}, items });
}

interface PeerFacts {
  digests: ReadonlySet<string>;
  /** Absent when it cannot be asked. */
  peer?: object;
}

function peerFacts(object: AnyObject): PeerFacts {
  const { apiVersion, kind, metadata, status } = object as unknown as Node;
  const imageNames = (status.images ?? []).flatMap((image) => image.names ?? []);
  const digests = new Set(imageNames.flatMap((name) => name.split('@')[1] ?? []));
  if (!isConditionTrue(status.conditions, 'Ready')) return { digests };
  const { addresses, daemonEndpoints } = status;
  return {
    digests,
    peer: { apiVersion, kind, metadata: { name: metadata.name }, status: { addresses, daemonEndpoints } },
  };
}
