/** Reads the schemas of an OpenAPI v3 document: references followed, descriptions and types found. */
import type { ApiResource } from './discovery.ts';

export interface OpenApiSchema {
  type?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  required?: string[];
  properties?: Record<string, OpenApiSchema>;
  additionalProperties?: OpenApiSchema | boolean;
  items?: OpenApiSchema;
  allOf?: OpenApiSchema[];
  $ref?: string;
  'x-kubernetes-group-version-kind'?: { group: string; version: string; kind: string }[];
}

export interface SchemaField {
  name: string;
  schema: OpenApiSchema;
  required: boolean;
}

const refPrefix = '#/components/schemas/';

/** One document. */
export class SchemaReader {
  readonly #schemas: Record<string, OpenApiSchema>;

  constructor(document: { components?: { schemas?: Record<string, OpenApiSchema> } }) {
    this.#schemas = document.components?.schemas ?? {};
  }

  kindSchema({
    group,
    version,
    kind,
  }: Pick<ApiResource, 'group' | 'version' | 'kind'>): OpenApiSchema | undefined {
    return Object.values(this.#schemas).find((schema) =>
      schema['x-kubernetes-group-version-kind']?.some(
        (gvk) => gvk.group === group && gvk.version === version && gvk.kind === kind,
      ),
    );
  }

  /** The fields of an object, of a list's items, or of a map's values. */
  fields(schema: OpenApiSchema): SchemaField[] {
    const { properties = {}, required = [] } = this.#inner(schema);
    return Object.entries(properties)
      .map(([name, field]) => ({ name, schema: field, required: required.includes(name) }))
      .sort((left, right) => (left.name < right.name ? -1 : 1));
  }

  /** kubectl's notation: `[]Container`, `map[string]string`, `Object`, `integer`. */
  typeName(schema: OpenApiSchema): string {
    const { type, items, additionalProperties } = this.#resolved(schema);
    const named = refOf(schema)?.split('.').at(-1);
    if (type === 'array') return `[]${items ? this.typeName(items) : 'Object'}`;
    if (typeof additionalProperties === 'object') return `map[string]${this.typeName(additionalProperties)}`;
    if (type === undefined || type === 'object') return named ?? 'Object';
    return named ?? type;
  }

  description(schema: OpenApiSchema): string {
    return schema.description ?? this.#resolved(schema).description ?? '';
  }

  resolved(schema: OpenApiSchema): OpenApiSchema {
    return this.#resolved(schema);
  }

  /** The schema whose properties are meant: through references, lists and maps. */
  #inner(schema: OpenApiSchema): OpenApiSchema {
    const found = this.#resolved(schema);
    if (found.items) return this.#inner(found.items);
    if (typeof found.additionalProperties === 'object') return this.#inner(found.additionalProperties);
    return found;
  }

  #resolved(schema: OpenApiSchema): OpenApiSchema {
    const name = refOf(schema);
    const target = name === undefined ? undefined : this.#schemas[name];
    return target
      ? { ...this.#resolved(target), ...(schema.description ? { description: schema.description } : {}) }
      : schema;
  }
}

/** A reference stands alone, or in an `allOf` of one beside a description. */
function refOf({ $ref, allOf }: OpenApiSchema): string | undefined {
  const ref = $ref ?? (allOf?.length === 1 ? allOf[0]?.$ref : undefined);
  return ref?.startsWith(refPrefix) ? ref.slice(refPrefix.length) : undefined;
}
