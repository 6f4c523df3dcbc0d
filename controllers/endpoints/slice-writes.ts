/** Carries out what was decided about slices. A refused write is no error: the event of what was there brings the owner back. */
import { EndpointSlice } from '../../api/kinds/resources.ts';
import { hasReason } from '../../api/meta/api-error.ts';
import { type KubeObject, ownerReference } from '../../api/meta/object-meta.ts';
import type { Client } from '../../client/client.ts';
import type { Action } from './decide.ts';

export interface SliceWriter {
  client: Client;
  owner: KubeObject;
  /** Of new slices. */
  labels: Readonly<Record<string, string>>;
}

/** In their order. Versions and names are compared: a cache that is behind makes no wrong slice. */
export async function writeSlices(writer: SliceWriter, actions: readonly Action[]): Promise<void> {
  for (const action of actions) {
    try {
      await write(writer, action);
    } catch (error) {
      if (!hasReason(error, 'AlreadyExists', 'Conflict', 'NotFound')) throw error;
    }
  }
}

async function write({ client, owner, labels }: SliceWriter, action: Action): Promise<void> {
  if (action.do === 'update') {
    await client.update(EndpointSlice, { ...action.slice, endpoints: action.endpoints });
  } else if (action.do === 'delete') {
    const { resourceVersion } = action.slice.metadata;
    const preconditions = resourceVersion === undefined ? {} : { resourceVersion };
    await client.delete(EndpointSlice, keyOf(action.slice), { preconditions });
  } else {
    const { name, ports, endpoints } = action;
    const { namespace } = keyOf(owner);
    const ownerReferences = [ownerReference(owner)];
    const metadata = { ...(namespace ? { namespace } : {}), name, labels: { ...labels }, ownerReferences };
    await client.create(EndpointSlice, { metadata, addressType: 'IPv4', ports, endpoints });
  }
}

function keyOf({ metadata: { namespace, name } }: KubeObject): { namespace?: string; name: string } {
  return { ...(namespace === undefined ? {} : { namespace }), name };
}
