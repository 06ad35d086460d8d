import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { BenchEnvironment } from '../environment.ts';
import { jsonScenario, type ScenarioResult } from '../results.ts';
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

/** Writes bench/results/<date>.json, and docs/performance.md with its charts from it. */
export function keepResults(repository: string, report: BenchReport): void {
  const day = report.environment.date.slice(0, 10);
  const file = join(repository, 'bench/results', `${day}.json`);
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  for (const [path, text] of Object.entries(performanceFiles(repository))) {
    mkdirSync(dirname(join(repository, path)), { recursive: true });
    writeFileSync(join(repository, path), text);
  }
}

/** The page and its charts as the newest full run has them, by path; without a full run, a page that says so. */
export function performanceFiles(repository: string): Readonly<Record<string, string>> {
  const [newest] = globSync('bench/results/*.json', { cwd: repository }).sort().reverse();
  const text = newest === undefined ? undefined : readFileSync(join(repository, newest), 'utf8');
  return performancePage(text === undefined ? undefined : (JSON.parse(text) as BenchReport));
}
