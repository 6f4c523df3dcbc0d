/** Field selectors: `spec.nodeName=n1,status.phase!=Succeeded`. Which fields a kind offers is in its definition. */
import { ApiError } from './api-error.ts';

export interface FieldRequirement {
  field: string;
  value: string;
  equal: boolean;
}

const maxTerms = 64;

/** Throws ApiError BadRequest for text that is no selector or names a field outside `supported`. */
export function parseFieldSelector(text: string, supported: ReadonlySet<string>): FieldRequirement[] {
  if (text.trim() === '') return [];
  const terms = text.split(',');
  if (terms.length > maxTerms)
    throw new ApiError('BadRequest', `a field selector may have at most ${maxTerms} terms`);
  return terms.map((term) => parseTerm(term.trim(), supported));
}

function parseTerm(term: string, supported: ReadonlySet<string>): FieldRequirement {
  const at = term.indexOf('=');
  if (at <= 0)
    throw new ApiError(
      'BadRequest',
      `field selector term ${JSON.stringify(term.slice(0, 200))} must look like field=value or field!=value`,
    );
  const equal = term[at - 1] !== '!';
  const field = term.slice(0, equal ? at : at - 1).trim();
  const value = term.slice(term[at + 1] === '=' ? at + 2 : at + 1).trim();
  if (!supported.has(field)) {
    throw new ApiError(
      'BadRequest',
      `field label not supported: ${JSON.stringify(field)}; supported are ${[...supported].join(', ')}`,
    );
  }
  return { field, value, equal };
}

/** An absent field equals the empty string. */
export function matchesFields(
  requirements: readonly FieldRequirement[],
  fieldValue: (field: string) => string | undefined,
): boolean {
  return requirements.every(({ field, value, equal }) => ((fieldValue(field) ?? '') === value) === equal);
}
