/** A simulation as a picture (SVG) and as a table (CSV): used shares and fragmentation, and how many tasks wait. */
import type { Sample } from './cell-meter.ts';

const width = 900;
const panelHeight = 240;
const margin = { left: 60, right: 150, top: 40, gap: 50 };
const colours = ['#1f77b4', '#2ca02c', '#9467bd', '#8c564b', '#17becf'];

interface Line {
  name: string;
  colour: string;
  values: number[];
}

interface Panel {
  top: number;
  /** What the upper edge stands for. */
  most: number;
  /** As the axis says it. */
  unit: (value: number) => string;
  lines: Line[];
}

export function samplesAsCsv(samples: readonly Sample[]): string {
  const resources = resourcesOf(samples);
  const head = [
    'at',
    'running',
    'waiting',
    ...resources.map((resource) => `used ${resource}`),
    'fragmentation',
  ];
  const rows = samples.map(({ at, running, waiting, used, fragmentation }) => [
    at,
    running,
    waiting,
    ...resources.map((resource) => (used[resource] ?? 0).toFixed(4)),
    fragmentation.toFixed(4),
  ]);
  return `${[head, ...rows].map((row) => row.join(',')).join('\n')}\n`;
}

export function samplesAsSvg(samples: readonly Sample[], title: string): string {
  const times = samples.map(({ at }) => at);
  const shares: Line[] = resourcesOf(samples).map((resource, index) => ({
    name: resource,
    colour: colours[index % colours.length]!,
    values: samples.map(({ used }) => used[resource] ?? 0),
  }));
  shares.push({ name: 'fragmentation', colour: '#d62728', values: samples.map((one) => one.fragmentation) });
  const counts: Line[] = [
    { name: 'running', colour: '#7f7f7f', values: samples.map(({ running }) => running) },
    { name: 'waiting', colour: '#ff7f0e', values: samples.map(({ waiting }) => waiting) },
  ];
  const panels: Panel[] = [
    { top: margin.top, most: 1, unit: (share) => `${Math.round(share * 100)} %`, lines: shares },
    {
      top: margin.top + panelHeight + margin.gap,
      most: Math.max(1, ...counts.flatMap(({ values }) => values)),
      unit: (count) => `${Math.round(count)}`,
      lines: counts,
    },
  ];
  const height = margin.top + 2 * panelHeight + 2 * margin.gap;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    '<rect width="100%" height="100%" fill="white"/>',
    `<text x="${margin.left}" y="22" font-size="15">${escaped(title)}</text>`,
    ...panels.flatMap((panel) => panelSvg(panel, times)),
    '</svg>\n',
  ].join('\n');
}

function panelSvg({ top, most, unit, lines }: Panel, times: readonly number[]): string[] {
  const [from = 0, until = 0] = [times[0], times.at(-1)];
  const right = width - margin.right;
  const bottom = top + panelHeight;
  const x = (at: number): number =>
    margin.left + ((right - margin.left) * (at - from)) / Math.max(until - from, Number.MIN_VALUE);
  const y = (value: number): number => bottom - (panelHeight * value) / most;
  const grid = [0, 0.25, 0.5, 0.75, 1].flatMap((part) => [
    `<line x1="${margin.left}" x2="${right}" y1="${y(part * most)}" y2="${y(part * most)}" stroke="#ddd"/>`,
    `<text x="${margin.left - 8}" y="${y(part * most) + 4}" text-anchor="end">${unit(part * most)}</text>`,
  ]);
  const curves = lines.flatMap(({ name, colour, values }, index) => [
    `<polyline fill="none" stroke="${colour}" stroke-width="1.5" points="${values
      .map((value, at) => `${x(times[at] ?? 0).toFixed(1)},${y(value).toFixed(1)}`)
      .join(' ')}"/>`,
    `<text x="${right + 10}" y="${top + 14 + index * 16}" fill="${colour}">${escaped(name)}</text>`,
  ]);
  const span = `<text x="${right}" y="${bottom + 18}" text-anchor="end">${Math.round(until - from)} s</text>`;
  return [...grid, ...curves, span];
}

function resourcesOf(samples: readonly Sample[]): string[] {
  return [...new Set(samples.flatMap(({ used }) => Object.keys(used)))];
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
