/** Fields a schema does not know: found with their paths and the name that was probably meant, or dropped. */
import { didYouMean } from '../meta/field-path.ts';
import { isJsonObject, type JsonObject, type JsonSchema, memberSchema } from './json-schema.ts';

export interface UnknownField {
  /** `spec.template.imagge` */
  path: string;
  /** The known name nearest to it: `image`. */
  suggestion?: string;
}

/** Beyond so many nobody reads on, and each costs a search for a suggestion. */
const maxReported = 20;
const maxShownName = 100;

type Found = (owner: JsonObject, name: string, path: string, schema: JsonSchema) => void;

export function unknownFields(schema: JsonSchema, value: unknown): UnknownField[] {
  const found: UnknownField[] = [];
  visitUnknown(schema, value, '', (_owner, name, path, ownerSchema) => {
    if (found.length >= maxReported) return;
    const suggestion = didYouMean(name, Object.keys(ownerSchema.properties ?? {}));
    found.push({ path, ...(suggestion === undefined ? {} : { suggestion }) });
  });
  return found;
}

export function pruneUnknownFields(schema: JsonSchema, value: unknown): void {
  visitUnknown(schema, value, '', (owner, name) => {
    delete owner[name];
  });
}

function visitUnknown(schema: JsonSchema, value: unknown, path: string, found: Found): void {
  if (Array.isArray(value)) {
    const { items, maxItems } = schema;
    // A list that is too long is refused as a whole: no work for its items.
    if (!items || !holdsFields(items) || value.length > Number(maxItems ?? Number.POSITIVE_INFINITY)) return;
    for (let at = 0; at < value.length; at++) visitUnknown(items, value[at], `${path}[${at}]`, found);
  } else if (isJsonObject(value) && holdsFields(schema)) {
    for (const name of Object.keys(value)) {
      const member = memberSchema(schema, name);
      if (member && !holdsFields(member)) continue;
      const shownName = name.length <= maxShownName ? name : `${name.slice(0, maxShownName)}…`;
      const memberPath = path === '' ? shownName : `${path}.${shownName}`;
      if (member) visitUnknown(member, value[name], memberPath, found);
      else found(value, name, memberPath, schema);
    }
  }
}

/** Whether a value of this schema may have members, somewhere inside, that are not known. */
function holdsFields({ properties, additionalProperties, items }: JsonSchema): boolean {
  if (properties !== undefined || additionalProperties === false) return true;
  return [additionalProperties, items].some((inner) => isJsonObject(inner) && holdsFields(inner));
}
