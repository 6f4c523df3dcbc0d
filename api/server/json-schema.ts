/** JSON Schema, as far as kinds use it (TypeBox makes it, custom kinds bring it as OpenAPI), and how to ask it things. */

export interface JsonSchema {
  type?: string;
  description?: string;
  format?: string;
  enum?: readonly unknown[];
  default?: unknown;
  properties?: Record<string, JsonSchema>;
  required?: readonly string[];
  additionalProperties?: boolean | JsonSchema;
  items?: JsonSchema;
  anyOf?: readonly JsonSchema[];
  [keyword: string]: unknown;
}

export type JsonObject = Record<string, unknown>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A resource quantity: text, or a plain number that is stored as text. */
export function isQuantitySchema(schema: JsonSchema): boolean {
  return schema.format === 'quantity';
}

/** Text, numbers, flags: nothing inside, and nothing to bring into another form. */
export function isPlainScalar(schema: JsonSchema): boolean {
  const { properties, additionalProperties, items } = schema;
  return !properties && additionalProperties === undefined && !items && !isQuantitySchema(schema);
}

export function acceptsNull({ type, nullable, anyOf = [] }: JsonSchema): boolean {
  return type === 'null' || nullable === true || anyOf.some(acceptsNull);
}

/** The schema of one member of an object; undefined when the object may not have it. */
export function memberSchema(schema: JsonSchema, name: string): JsonSchema | undefined {
  const { properties = {}, additionalProperties } = schema;
  if (Object.hasOwn(properties, name)) return properties[name];
  if (isJsonObject(additionalProperties)) return additionalProperties;
  return additionalProperties === false ? undefined : {};
}

/** The same schema with every node, innermost first, replaced by what `change` makes of it. */
export function mapSchema(schema: JsonSchema, change: (node: JsonSchema) => JsonSchema): JsonSchema {
  const copy: JsonSchema = { ...schema };
  if (copy.properties) {
    copy.properties = Object.fromEntries(
      Object.entries(copy.properties).map(([name, member]) => [name, mapSchema(member, change)]),
    );
  }
  if (copy.items) copy.items = mapSchema(copy.items, change);
  if (isJsonObject(copy.additionalProperties))
    copy.additionalProperties = mapSchema(copy.additionalProperties, change);
  if (copy.anyOf) copy.anyOf = copy.anyOf.map((branch) => mapSchema(branch, change));
  return change(copy);
}
