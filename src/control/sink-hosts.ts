import type { PipelineSpec, SinkSpec } from './pipeline-spec.ts';

/** A configuration, and the sinks whose host its file does not name: they have that of whoever applied it. */
export interface PlacedSpec {
  readonly spec: PipelineSpec;
  readonly unplaced?: readonly string[];
}

/**
 * The configuration with sinks left where they are unless its file says otherwise: the warehouse's
 * file is on the host on record, wherever somebody applies the pipeline from.
 */
export function keepHosts({ spec, unplaced = [] }: PlacedSpec, before: PipelineSpec): PipelineSpec {
  const kept = Object.entries(spec.sinks).map(([name, sink]): [string, SinkSpec] => {
    const host = hostOf(before, name);
    const stays = sink.kind === 'duckdb' && host !== undefined && unplaced.includes(name);
    return [name, stays ? { ...sink, host } : sink];
  });
  return { ...spec, sinks: Object.fromEntries(kept) };
}

/** Host of a sink that has one. */
export function hostOf({ sinks }: PipelineSpec, name: string): string | undefined {
  const sink = Object.hasOwn(sinks, name) ? sinks[name] : undefined;
  return sink?.kind === 'duckdb' ? sink.host : undefined;
}
