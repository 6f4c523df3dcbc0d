/**
 * The Accept header to the form of the answer: the first media range that can be served wins, and
 * anything else is answered in plain JSON, as every client of the API can read that.
 */

export type Representation =
  | { type: 'json' }
  | { type: 'table'; version: 'v1' | 'v1beta1'; includeObject: IncludeObject }
  /** PartialObjectMetadata, or a list of them. */
  | { type: 'metadata'; version: 'v1' | 'v1beta1' }
  | { type: 'discovery'; version: 'v2' | 'v2beta1' };

/** What a row of a table carries beside its cells. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

const maxRanges = 32;

export function negotiate(
  accept: string | undefined,
  query: { includeObject?: string } = {},
): Representation {
  for (const range of (accept ?? '').slice(0, 4096).split(',').slice(0, maxRanges)) {
    const served = representationOf(range, query);
    if (served) return served;
  }
  return { type: 'json' };
}

function representationOf(range: string, query: { includeObject?: string }): Representation | undefined {
  const [mediaType = '', ...parameters] = range.split(';').map((part) => part.trim());
  if (mediaType.toLowerCase() !== 'application/json') return undefined;
  const { as, g: group, v: version } = parametersOf(parameters);
  if (as === undefined) return { type: 'json' };
  if (as === 'APIGroupDiscoveryList' && group === 'apidiscovery.k8s.io') return discovery(version);
  if (group !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1')) return undefined;
  if (as === 'Table') return { type: 'table', version, includeObject: includeObjectOf(query) };
  if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList')
    return { type: 'metadata', version };
  return undefined;
}

function parametersOf(parts: readonly string[]): { as?: string; g?: string; v?: string } {
  return Object.fromEntries(parts.map((part) => part.split('=', 2)).filter(([name]) => name !== '__proto__'));
}

function discovery(version: string | undefined): Representation | undefined {
  return version === 'v2' || version === 'v2beta1' ? { type: 'discovery', version } : undefined;
}

function includeObjectOf({ includeObject }: { includeObject?: string }): IncludeObject {
  return includeObject === 'None' || includeObject === 'Object' ? includeObject : 'Metadata';
}

/** The Content-Type of an answer in this form. */
export function contentTypeOf(representation: Representation): string {
  return representation.type === 'discovery'
    ? `application/json;g=apidiscovery.k8s.io;v=${representation.version};as=APIGroupDiscoveryList`
    : 'application/json';
}
