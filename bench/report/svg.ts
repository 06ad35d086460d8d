/** A bar chart's group: a scenario with one bar a program. */
export interface BarGroup {
  readonly label: string;
  readonly bars: readonly { readonly series: string; readonly value: number }[];
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

const WIDTH = 860;
const LABEL_WIDTH = 150;
const VALUE_WIDTH = 90;
const BAR_HEIGHT = 16;
const GROUP_GAP = 14;
const TOP = 48;
const COLOURS = ['#0b6e99', '#c9a227', '#8f5b34', '#6b7a8f', '#7a4fa3'] as const;
const STYLE =
  '<style>text{font:12px system-ui,sans-serif;fill:#444}.title{font-size:14px;font-weight:600}@media(prefers-color-scheme:dark){text{fill:#ccc}}</style>';

/** Horizontal bars, all on one scale that begins at zero. */
export function barChart(
  title: string,
  groups: readonly BarGroup[],
  show: (value: number) => string,
): string {
  const series = [...new Set(groups.flatMap(({ bars }) => bars.map((bar) => bar.series)))];
  const largest = Math.max(1, ...groups.flatMap(({ bars }) => bars.map(({ value }) => value)));
  const room = WIDTH - LABEL_WIDTH - VALUE_WIDTH;
  const parts: string[] = [];
  let y = TOP;
  for (const { label, bars } of groups) {
    const middle = y + (bars.length * BAR_HEIGHT) / 2 + 4;
    parts.push(text(LABEL_WIDTH - 8, middle, label, 'text-anchor="end"'));
    for (const { series: name, value } of bars) {
      const width = round((value / largest) * room);
      const colour = COLOURS[series.indexOf(name) % COLOURS.length];
      parts.push(
        `<rect x="${LABEL_WIDTH}" y="${y}" width="${width}" height="${BAR_HEIGHT - 3}" fill="${colour}"/>`,
        text(LABEL_WIDTH + width + 6, y + 11, show(value)),
      );
      y += BAR_HEIGHT;
    }
    y += GROUP_GAP;
  }
  return svg(y, [heading(title), ...legend(series), ...parts]);
}

const PLOT_HEIGHT = 220;
const LINE_STEPS = 4;

/** One line over time, from zero up to the limit or the largest value; the limit is dashed. */
export function lineChart(
  title: string,
  points: readonly Point[],
  axis: { readonly limit: number; readonly x: string; readonly y: string },
): string {
  const largestX = Math.max(1, ...points.map(({ x }) => x));
  const largestY = Math.max(axis.limit, ...points.map(({ y }) => y)) * 1.05;
  const room = WIDTH - LABEL_WIDTH - 20;
  const atX = (x: number): number => round(LABEL_WIDTH + (x / largestX) * room);
  const atY = (y: number): number => round(TOP + PLOT_HEIGHT - (y / largestY) * PLOT_HEIGHT);
  const path = points.map(({ x, y }) => `${atX(x)},${atY(y)}`).join(' ');
  const scale = Array.from({ length: LINE_STEPS + 1 }, (_, step) => (largestX * step) / LINE_STEPS);
  return svg(TOP + PLOT_HEIGHT + 46, [
    heading(title),
    `<line x1="${LABEL_WIDTH}" x2="${WIDTH - 20}" y1="${atY(0)}" y2="${atY(0)}" stroke="#888"/>`,
    `<line x1="${LABEL_WIDTH}" x2="${WIDTH - 20}" y1="${atY(axis.limit)}" y2="${atY(axis.limit)}" stroke="#b33" stroke-dasharray="6 4"/>`,
    text(LABEL_WIDTH - 8, atY(axis.limit) + 4, `${axis.limit} ${axis.y}`, 'text-anchor="end"'),
    text(LABEL_WIDTH - 8, atY(0) + 4, `0 ${axis.y}`, 'text-anchor="end"'),
    ...scale.map((x) =>
      text(atX(x), TOP + PLOT_HEIGHT + 18, `${Math.round(x)} ${axis.x}`, 'text-anchor="middle"'),
    ),
    `<polyline points="${path}" fill="none" stroke="${COLOURS[0]}" stroke-width="1.5"/>`,
  ]);
}

function legend(series: readonly string[]): readonly string[] {
  return series.flatMap((name, index) => {
    const x = LABEL_WIDTH + index * 150;
    const colour = COLOURS[index % COLOURS.length];
    return [
      `<rect x="${x}" y="28" width="10" height="10" fill="${colour}"/>`,
      text(x + 15, 37, name),
    ];
  });
}

const heading = (title: string): string => text(8, 18, title, 'class="title"');

function text(x: number, y: number, content: string, attributes = ''): string {
  const attribute = attributes === '' ? '' : ` ${attributes}`;
  return `<text x="${round(x)}" y="${round(y)}"${attribute}>${escaped(content)}</text>`;
}

const escaped = (content: string): string =>
  content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const round = (number: number): number => Math.round(number * 10) / 10;

function svg(height: number, parts: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">\n${[STYLE, ...parts].join('\n')}\n</svg>\n`;
}
