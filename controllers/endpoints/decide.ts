/**
 * What to do about the EndpointSlices of a service or a job, as a pure function. An endpoint stays in the slice it
 * is in; new ones go where something changes anyway, then where there is room, then into new slices: few
 * writes, and each watched by every node.
 *
 * Invariant: slice names follow from the owner, the ports and a number, so what is done twice is done once.
 */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Endpoint, EndpointPort } from '../../api/kinds/endpoint-slice.ts';
import type { EndpointSlice } from '../../api/kinds/resources.ts';
import type { EndpointGroup } from './wanted.ts';

export const maxEndpointsPerSlice = 100;

export type Action =
  | { do: 'create'; name: string; ports: EndpointPort[]; endpoints: Endpoint[] }
  | { do: 'update'; slice: EndpointSlice; endpoints: Endpoint[] }
  | { do: 'delete'; slice: EndpointSlice };

/** Whose slices: a service's, or a job's. */
export interface SliceOwner {
  /** Names of its slices begin with it. */
  prefix: string;
  /** On all of its slices, and on nobody else's. */
  labels: Readonly<Record<string, string>>;
}

/** `slices` are all of the owner, whoever keeps them. Deletions come last: nobody is missing meanwhile. */
export function decideEndpoints(
  owner: SliceOwner,
  groups: readonly EndpointGroup[],
  slices: readonly EndpointSlice[],
): Action[] {
  const own = slices.filter(({ metadata }) => isOwn(owner, metadata.labels));
  const used = new Set<EndpointSlice>();
  const actions = groups.flatMap((group) => {
    const fitting = own.filter(({ ports }) => isDeepStrictEqual(ports, group.ports));
    for (const slice of fitting) used.add(slice);
    return decideGroup(owner, group, fitting);
  });
  const unused = own.filter((slice) => !used.has(slice) && slice.metadata.deletionTimestamp === undefined);
  const deletions = unused.map((slice): Action => ({ do: 'delete', slice }));
  const isDeletion = (action: Action): boolean => action.do === 'delete';
  return [...actions.filter((action) => !isDeletion(action)), ...actions.filter(isDeletion), ...deletions];
}

function isOwn({ labels: wanted }: SliceOwner, labels: Readonly<Record<string, string>> = {}): boolean {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}

interface Draft {
  slice: EndpointSlice | undefined;
  name: string;
  endpoints: Endpoint[];
}

function decideGroup(
  owner: SliceOwner,
  { ports, endpoints }: EndpointGroup,
  slices: readonly EndpointSlice[],
): Action[] {
  const missing = new Map(endpoints.map((endpoint) => [identityOf(endpoint), endpoint]));
  const drafts = slices.map((slice): Draft => {
    const kept = slice.endpoints.flatMap((endpoint) => {
      const wanted = missing.get(identityOf(endpoint));
      // One in two slices, left from a write cut short, stays in the first.
      missing.delete(identityOf(endpoint));
      return wanted ? [wanted] : [];
    });
    return { slice, name: slice.metadata.name, endpoints: kept };
  });
  fill(drafts, [...missing.values()], sliceNames(owner, ports, slices));
  return drafts.flatMap((draft) => actionOf(draft, ports));
}

/** Puts the endpoints where something changes anyway, then where there is most in already, then into new drafts. */
function fill(drafts: Draft[], endpoints: readonly Endpoint[], names: Iterator<string>): void {
  const open = drafts.filter((draft) => draft.endpoints.length < maxEndpointsPerSlice);
  open.sort(
    (left, right) =>
      Number(isChanged(right)) - Number(isChanged(left)) || right.endpoints.length - left.endpoints.length,
  );
  for (const endpoint of endpoints) {
    while (open[0] && open[0].endpoints.length >= maxEndpointsPerSlice) open.shift();
    if (!open[0]) {
      const draft: Draft = { slice: undefined, name: String(names.next().value), endpoints: [] };
      drafts.push(draft);
      open.push(draft);
    }
    open[0]?.endpoints.push(endpoint);
  }
}

/** `web-4f2a9c01-0`, `-1`, …: those no slice has yet. */
function* sliceNames(
  { prefix }: SliceOwner,
  ports: readonly EndpointPort[],
  slices: readonly EndpointSlice[],
): Generator<string> {
  const hash = createHash('sha256').update(JSON.stringify(ports)).digest('hex').slice(0, 8);
  const taken = new Set(slices.map((slice) => slice.metadata.name));
  for (let number = 0; ; number++) {
    const name = `${prefix}-${hash}-${number}`;
    if (!taken.has(name)) yield name;
  }
}

function actionOf({ slice, name, endpoints }: Draft, ports: EndpointPort[]): Action[] {
  if (!slice) return [{ do: 'create', name, ports, endpoints }];
  if (endpoints.length === 0) return [{ do: 'delete', slice }];
  return isDeepStrictEqual(slice.endpoints, endpoints) ? [] : [{ do: 'update', slice, endpoints }];
}

function isChanged({ slice, endpoints }: Draft): boolean {
  return slice !== undefined && !isDeepStrictEqual(slice.endpoints, endpoints);
}

function identityOf({ targetRef, addresses }: Endpoint): string {
  return `${targetRef?.uid ?? ''} ${addresses[0] ?? ''}`;
}
