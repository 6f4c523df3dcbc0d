/**
 * Text tables as kubectl prints them: upper-case headers, columns as wide as their widest cell, three
 * spaces between, nothing after the last cell.
 */

const gap = 3;

/** Remembers the widths, so rows that come later (a watch) line up with those above. */
export class TableWriter {
  readonly #write: (text: string) => void;
  #widths: number[] = [];

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  rows(rows: readonly (readonly string[])[]): void {
    for (const row of rows) {
      for (const [column, cell] of row.entries())
        this.#widths[column] = Math.max(this.#widths[column] ?? 0, displayWidth(cell));
    }
    for (const row of rows) this.#write(`${this.#line(row)}\n`);
  }

  #line(row: readonly string[]): string {
    const last = row.length - 1;
    return row
      .map((cell, column) => (column === last ? cell : padded(cell, (this.#widths[column] ?? 0) + gap)))
      .join('')
      .trimEnd();
  }
}

/** A table at once. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  let text = '';
  new TableWriter((line) => {
    text += line;
  }).rows(rows);
  return text;
}

/** `Last Seen` becomes `LAST SEEN`. */
export function header(names: readonly string[]): string[] {
  return names.map((name) => name.toUpperCase());
}

function padded(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(0, width - displayWidth(cell)));
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours take no room
const colourCodes = /\u001b\[\d+m/g;
const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}]/u;

/** Columns a text takes on a terminal: colour codes none, East Asian wide characters and emoji two. */
function displayWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const character of text.replace(colourCodes, '')) width += wide.test(character) ? 2 : 1;
  return width;
}
