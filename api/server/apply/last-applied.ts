/**
 * The way from client-side to server-side apply: what kubectl applied last, kept in an annotation, is kubectl's
 * own. Fields that still are as it left them do not conflict when kubectl applies them on the server.
 */
import type { AnyObject } from '../../meta/object-meta.ts';
import { isJsonObject, type JsonSchema } from '../json-schema.ts';
import { changedFields, fieldsOf, fieldsWithin } from './extract.ts';
import { difference, type FieldSet, noFields } from './field-set.ts';
import { wholeView } from './tracked-view.ts';

const annotation = 'kubectl.kubernetes.io/last-applied-configuration';

/** The manager for which this holds: `kubectl apply --server-side` without `--field-manager`. */
export const kubectlManager = 'kubectl';

export function fieldsOfLastApplied(schema: JsonSchema, live: AnyObject): FieldSet {
  const last = lastApplied(live);
  if (!last) return noFields;
  const [lastView, liveView] = [wholeView(last), wholeView(live)];
  const unchanged = difference(fieldsOf(schema, lastView), changedFields(schema, liveView, lastView));
  return fieldsWithin(schema, unchanged, liveView);
}

function lastApplied({ metadata }: AnyObject): AnyObject | undefined {
  try {
    const value: unknown = JSON.parse(metadata.annotations?.[annotation] ?? '');
    return isJsonObject(value) && isJsonObject(value['metadata'])
      ? (value as unknown as AnyObject)
      : undefined;
  } catch {
    return undefined;
  }
}
