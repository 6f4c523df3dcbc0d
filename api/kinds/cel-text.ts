/** CEL's `string.format`: cel-go's verbs %s %d %f %e %b %o %x %X. */
const verb = /%(%|(?:\.(\d{1,2}))?([a-zA-Z]))/g;

/** Throws Error for a verb that is none, that its value does not suit, or once more than `longest` characters are made. */
export function formatted(text: string, values: readonly unknown[], longest: number): string {
  let next = 0;
  let made = text.length;
  return text.replace(verb, (_all, percent: string, precision: string | undefined, letter: string) => {
    if (percent === '%') return '%';
    if (next >= values.length) throw new Error(`index ${next} out of range`);
    const piece = written(letter, values[next++], precision === undefined ? 6 : Number(precision));
    made += piece.length;
    if (made > longest) throw new Error('the text becomes too long');
    return piece;
  });
}

function written(letter: string, value: unknown, precision: number): string {
  switch (letter) {
    case 's':
      return shown(value);
    case 'd':
      return whole(value).toString();
    case 'b':
      return typeof value === 'boolean' ? String(Number(value)) : whole(value).toString(2);
    case 'o':
      return whole(value).toString(8);
    case 'x':
      return hexadecimal(value);
    case 'X':
      return hexadecimal(value).toUpperCase();
    case 'f':
      return decimal(value).toFixed(precision);
    case 'e':
      return decimal(value)
        .toExponential(precision)
        .replace(/e([+-])(\d)$/, 'e$10$2');
    default:
      throw new Error(`unrecognized formatting clause "${letter}"`);
  }
}

function shown(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return `[${value.map(shown).join(', ')}]`;
  if (value !== null && typeof value === 'object') throw new Error('no such overload: %s of a map');
  return String(value);
}

function whole(value: unknown): bigint {
  if (typeof value !== 'bigint') throw new Error('only whole numbers can be written so');
  return value;
}

function decimal(value: unknown): number {
  if (typeof value !== 'number' && typeof value !== 'bigint')
    throw new Error('only numbers can be written so');
  return Number(value);
}

function hexadecimal(value: unknown): string {
  return typeof value === 'string' ? Buffer.from(value).toString('hex') : whole(value).toString(16);
}
