/**
 * Where a command's words go: standard output for results, standard error for everything else.
 * Commands write through this and nothing else, so tests read what a user would.
 *
 * Invariant: on a terminal no control character of an object's text reaches the screen unescaped.
 */

export interface Output {
  /** Writes to standard output as it is; no line feed is added. */
  out(text: string): void;
  /** Writes to standard error as it is; no line feed is added. */
  err(text: string): void;
  /** Whether standard output is a terminal a person looks at. */
  readonly isTerminal: boolean;
  /** Whether colours are wanted: a terminal, and no NO_COLOR. */
  readonly colours: boolean;
}

interface TextStream {
  write(text: string): unknown;
  isTTY?: boolean;
}

export function processOutput(
  streams: { stdout: TextStream; stderr: TextStream },
  env: Readonly<Record<string, string | undefined>>,
): Output {
  const isTerminal = streams.stdout.isTTY === true;
  return {
    out: (text) => void streams.stdout.write(text),
    err: (text) => void streams.stderr.write(text),
    isTerminal,
    colours: isTerminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb',
  };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
const controlCharacters = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

/** Makes control characters (escape sequences, direction changes) visible, on a terminal only; tabs and line feeds stay. */
export function printable(text: string, { isTerminal }: Pick<Output, 'isTerminal'>): string {
  return isTerminal ? text.replace(controlCharacters, escaped) : text;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
const colourCode = /(\u001b\[[\d;]*m)/;

/** The same for what a task wrote, where colours are wanted and do no harm. */
export function printableLog(text: string, { isTerminal, colours }: Output): string {
  if (!isTerminal) return text;
  const parts = text.split(colourCode).filter((part) => colours || !colourCode.test(part));
  return parts
    .map((part) => (colourCode.test(part) ? part : part.replace(controlCharacters, escaped)))
    .join('');
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** ANSI foreground colours by name. */
export const palette = { red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36, grey: 90 } as const;
export type Colour = keyof typeof palette;

export function coloured(text: string, colour: Colour, { colours }: Pick<Output, 'colours'>): string {
  return colours ? `\u001b[${palette[colour]}m${text}\u001b[0m` : text;
}
