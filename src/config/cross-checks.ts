import { followedTables, singleTable, tableFilter } from '../change/table-pattern.ts';
import type { KeyPath } from './locate.ts';
import { type PathProblem, valueAt } from './schema-problems.ts';

/**
 * Problems between keys that are fine one by one. Works on whatever was written, so that they show
 * beside the schema's problems and not a run later.
 */
export function crossProblems(data: unknown): readonly PathProblem[] {
  return [
    ...repeatedEntries(data, ['source', 'include']),
    ...repeatedEntries(data, ['source', 'exclude']),
    ...repeatedEntries(data, ['kafka', 'brokers']),
    ...excludedIncludes(data),
    ...readablePassword(data),
    ...sharedFiles(data),
    ...sharedDatasets(data),
    ...unreachableStreams(data),
    ...uncapturedSchedules(data),
    ...idleTableSettings(data),
  ];
}

function repeatedEntries(data: unknown, path: KeyPath): readonly PathProblem[] {
  return textsAt(data, path).flatMap((text, index, all) =>
    all.indexOf(text) < index ? [at([...path, index], 'is in the list twice')] : [],
  );
}

function excludedIncludes(data: unknown): readonly PathProblem[] {
  const excluded = new Set(textsAt(data, ['source', 'exclude']));
  return textsAt(data, ['source', 'include']).flatMap((pattern, index) =>
    excluded.has(pattern)
      ? [at(['source', 'include', index], `captures nothing: source.exclude names ${pattern} too`)]
      : [],
  );
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\]):\d+$/i;

/** PLAIN sends the password as it is; SCRAM proves that it is known. */
function readablePassword(data: unknown): readonly PathProblem[] {
  const path = ['kafka', 'sasl', 'mechanism'];
  const tls = valueAt(data, ['kafka', 'tls']);
  const isHidden =
    valueAt(data, path) !== 'plain' ||
    (tls !== undefined && tls !== false) ||
    valueAt(data, ['kafka', 'sasl', 'allowPlaintext']) === true ||
    textsAt(data, ['kafka', 'brokers']).every((broker) => LOOPBACK.test(broker));
  return isHidden
    ? []
    : [
        at(
          path,
          'sends the password for everybody on the way to read: set kafka.tls, or take a scram mechanism; allowPlaintext: true beside it says that it is meant',
        ),
      ];
}

/** One process owns a DuckDB file. */
function sharedFiles(data: unknown): readonly PathProblem[] {
  const owners = new Map<string, string>();
  return namesAt(data, ['sinks']).flatMap((sink) => {
    const file = valueAt(data, ['sinks', sink, 'file']);
    if (typeof file !== 'string') return [];
    const host = valueAt(data, ['sinks', sink, 'host']);
    const key = `${typeof host === 'string' ? host : ''}:${file}`;
    const owner = owners.get(key);
    owners.set(key, owner ?? sink);
    return owner === undefined
      ? []
      : [at(['sinks', sink, 'file'], `sink ${owner} owns this file already`)];
  });
}

/** One sink owns an internal dataset; without a name, that of the pipeline. */
function sharedDatasets(data: unknown): readonly PathProblem[] {
  const owners = new Map<string, string>();
  return namesAt(data, ['sinks']).flatMap((sink) => {
    if (valueAt(data, ['sinks', sink, 'kind']) !== 'bigquery') return [];
    const dataset = valueAt(data, ['sinks', sink, 'internalDataset']);
    const key = `${String(valueAt(data, ['sinks', sink, 'project']))}:${typeof dataset === 'string' ? dataset : ''}`;
    const owner = owners.get(key);
    owners.set(key, owner ?? sink);
    if (owner === undefined) return [];
    const path = ['sinks', sink, ...(typeof dataset === 'string' ? ['internalDataset'] : [])];
    return [at(path, `sink ${owner} owns this internal dataset already: give this one another`)];
  });
}

/** What is not Google's has its streams at an address of their own, and Google's credentials go to Google alone. */
function unreachableStreams(data: unknown): readonly PathProblem[] {
  return namesAt(data, ['sinks']).flatMap((sink) => {
    const said = (key: string): unknown => valueAt(data, ['sinks', sink, key]);
    if (said('storageEndpoint') !== undefined && said('endpoint') === undefined)
      return [at(['sinks', sink, 'storageEndpoint'], 'needs endpoint beside it')];
    const isLost =
      said('writePath') === 'storage-write' &&
      said('endpoint') !== undefined &&
      said('storageEndpoint') === undefined;
    return isLost
      ? [
          at(
            ['sinks', sink, 'writePath'],
            'needs storageEndpoint beside endpoint: host:port of the streams',
          ),
        ]
      : [];
  });
}

/** A scheduled table that no pattern captures would be asked for in vain every time. */
function uncapturedSchedules(data: unknown): readonly PathProblem[] {
  const notCaptured = captureProblem(data);
  return namesAt(data, ['snapshot', 'schedules']).flatMap((schedule) => {
    const path = ['snapshot', 'schedules', schedule, 'tables'];
    return textsAt(data, path).flatMap((pattern, index) => {
      const problem = notCaptured(pattern);
      return problem === undefined ? [] : [at([...path, index], problem)];
    });
  });
}

/** What is wrong with asking for a table by its name that no pattern captures. */
function captureProblem(data: unknown): (pattern: string) => string | undefined {
  const include = textsAt(data, ['source', 'include']);
  const exclude = textsAt(data, ['source', 'exclude']);
  const included = tableFilter(include, []);
  const follows = valueAt(data, ['source', 'ghostTables']) === 'follow';
  const captured = followedTables({ include, exclude, ghostTables: follows ? 'follow' : 'skip' });
  return (pattern) => {
    const table = include.length === 0 ? undefined : singleTable(pattern);
    if (!table || captured(table)) return undefined;
    const why = included(table)
      ? 'source.exclude or source.ghostTables leaves it out'
      : 'source.include does not name it';
    return `table ${pattern} is not captured: ${why}`;
  };
}

/** How rows are passed on is set for a table by one pattern alone: settings that never count would be missed in the rows. */
function idleTableSettings(data: unknown): readonly PathProblem[] {
  const path = ['source', 'tables'];
  const notCaptured = captureProblem(data);
  const patterns = namesAt(data, path);
  return patterns.flatMap((pattern, index) => {
    const table = singleTable(pattern);
    const isOfRows = namesAt(data, [...path, pattern]).some((key) => ROW_SETTINGS.has(key));
    if (!table || !isOfRows) return [];
    const last = patterns.slice(index + 1).findLast((other) => tableFilter([other], [])(table));
    const problem =
      last === undefined
        ? notCaptured(pattern)
        : `never counts: ${last}, farther down, has the table too; write ${pattern} behind it`;
    return problem === undefined ? [] : [at([...path, pattern], problem)];
  });
}

const ROW_SETTINGS: ReadonlySet<string> = new Set(['invalidText', 'beforeImage']);

const at = (path: KeyPath, message: string): PathProblem => ({ path, target: 'value', message });

function textsAt(data: unknown, path: KeyPath): readonly string[] {
  const value = valueAt(data, path);
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function namesAt(data: unknown, path: KeyPath): readonly string[] {
  const value = valueAt(data, path);
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.keys(value)
    : [];
}
