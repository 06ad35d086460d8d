import { expect, it } from 'vitest';
import { barChart, lineChart } from '../../bench/report/svg.ts';

const rectangles = (svg: string): readonly number[] =>
  [...svg.matchAll(/<rect x="150" y="\d+" width="([\d.]+)" height="13"/g)].map(([, width]) =>
    Number(width),
  );

it('bars are as long as their values are large, on one scale over all groups', () => {
  const svg = barChart(
    'Rates',
    [
      {
        label: 'bulk',
        bars: [
          { series: 'a', value: 400 },
          { series: 'b', value: 100 },
        ],
      },
      { label: 'single', bars: [{ series: 'a', value: 200 }] },
    ],
    String,
  );
  const [longest = 0, ...others] = rectangles(svg);
  expect(others).toEqual([longest / 4, longest / 2]);
});

it('texts cannot break the markup', () => {
  const svg = barChart('a < b & c', [{ label: '<script>', bars: [] }], String);
  expect(svg).toContain('a &lt; b &amp; c');
  expect(svg).not.toContain('<script>');
});

it('a chart of nothing is still a chart', () => {
  expect(barChart('Nothing', [], String)).toMatch(/^<svg [^]*<\/svg>\n$/);
});

it('a line keeps below its limit where its values do', () => {
  const svg = lineChart(
    'Memory',
    [
      { x: 0, y: 100 },
      { x: 600, y: 380 },
    ],
    { limit: 400, x: 's', y: 'MB' },
  );
  const limitY = Number(/y1="([\d.]+)"[^>]*stroke-dasharray/.exec(svg)?.[1]);
  const points = /points="([^"]+)"/.exec(svg)?.[1]?.split(' ') ?? [];
  expect(points).toHaveLength(2);
  for (const point of points) expect(Number(point.split(',')[1])).toBeGreaterThan(limitY);
});
