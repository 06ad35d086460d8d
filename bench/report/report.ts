import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { BenchEnvironment } from '../environment.ts';
import { jsonScenario, type ScenarioResult } from '../results.ts';
import { SCENARIO_NAMES } from '../scenarios.ts';
import { performancePage } from './page.ts';
import { barText, HEADS, tableRows } from './rows.ts';

/** A whole run, as bench/results/ keeps it. */
export interface BenchReport {
  readonly environment: BenchEnvironment;
  readonly scenarios: readonly ScenarioResult[];
}

/** What goes to stdout: one table, or with `asJson` one document. */
export function printedResults({ environment, scenarios }: BenchReport, asJson: boolean): string {
  if (asJson)
    return `${JSON.stringify({ environment, scenarios: scenarios.map(jsonScenario) }, null, 2)}\n`;
  const lines = [HEADS, ...scenarios.flatMap(tableRows)];
  const widths = HEADS.map((_, column) =>
    Math.max(...lines.map((cells) => cells[column]?.length ?? 0)),
  );
  const table = lines.map((cells) =>
    cells
      .map((cell, column) =>
        column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
  const bars = scenarios.map((scenario) => `${scenario.name}: ${barText(scenario)}`);
  return `${[...table, '', ...bars].join('\n')}\n`;
}

/**
 * Writes bench/results/<date>.json, and docs/performance.md with its charts from it.
 * @param keep  `beside the others`: scenarios that the day's file has and this report has not stay
 */
export function keepResults(
  repository: string,
  report: BenchReport,
  keep: 'alone' | 'beside the others',
): void {
  const day = report.environment.date.slice(0, 10);
  const folder = join(repository, 'bench/results');
  const file = join(folder, `${day}.json`);
  const kept = keep === 'alone' ? report : beside(reportIn(file), report);
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, `${JSON.stringify(kept, null, 2)}\n`);
  for (const [path, text] of Object.entries(performanceFiles(repository))) {
    mkdirSync(dirname(join(repository, path)), { recursive: true });
    writeFileSync(join(repository, path), text);
  }
}

function reportIn(file: string): BenchReport | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as BenchReport) : undefined;
}

/** The newer report with what only the earlier one has, scenarios in their order. */
export function beside(earlier: BenchReport | undefined, newer: BenchReport): BenchReport {
  const byName = new Map(
    [...(earlier?.scenarios ?? []), ...newer.scenarios].map((result) => [result.name, result]),
  );
  const scenarios = SCENARIO_NAMES.flatMap((name) => byName.get(name) ?? []);
  return { environment: newer.environment, scenarios };
}

/** The page and its charts as the newest full run has them, by path; without a full run, a page that says so. */
export function performanceFiles(repository: string): Readonly<Record<string, string>> {
  const [newest] = globSync('bench/results/*.json', { cwd: repository }).sort().reverse();
  const text = newest === undefined ? undefined : readFileSync(join(repository, newest), 'utf8');
  return performancePage(text === undefined ? undefined : (JSON.parse(text) as BenchReport));
}
