/**
 * Writes the generated pages of docs/. With `--check` nothing is written: exit 1 and the names of
 * the pages that are not what the source says now.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { performanceFiles } from '../../bench/report/report.ts';
import { pipelineJsonSchema } from '../../src/config/schema-document.ts';
import { configurationPage } from './configuration-page.ts';
import { errorsPage } from './errors-page.ts';
import { metricsPage } from './metrics-page.ts';

const ROOT = resolve(import.meta.dirname, '../..');

const PAGES: Readonly<Record<string, () => string>> = {
  'docs/configuration.md': configurationPage,
  'docs/errors.md': errorsPage,
  'docs/metrics.md': metricsPage,
  ...Object.fromEntries(
    Object.entries(performanceFiles(ROOT)).map(([file, text]) => [file, () => text]),
  ),
  'docs/pipeline.schema.json': () => `${JSON.stringify(pipelineJsonSchema(), null, 2)}\n`,
};

const stale = Object.entries(PAGES)
  .map(([file, generate]) => ({ file, path: resolve(ROOT, file), text: generate() }))
  .filter(({ path, text }) => contentOf(path) !== text);

if (process.argv.includes('--check')) {
  for (const { file } of stale) console.error(`${file} is stale: run npm run docs`);
  process.exitCode = stale.length > 0 ? 1 : 0;
} else {
  for (const { file, path, text } of stale) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    console.log(`wrote ${file}`);
  }
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
