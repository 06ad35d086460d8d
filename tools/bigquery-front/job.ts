import type { Json } from './answer.ts';

export interface TableReference {
  readonly projectId: string;
  readonly datasetId: string;
  readonly tableId: string;
}

export interface LoadConfiguration extends Json {
  readonly destinationTable: TableReference;
}

/** A job as it is submitted. */
export interface Job extends Json {
  readonly jobReference?: { readonly jobId?: string; readonly location?: string };
  readonly configuration: {
    readonly dryRun?: boolean;
    readonly load?: LoadConfiguration;
    readonly query?: {
      readonly query: string;
      readonly queryParameters?: readonly Parameter[];
    } & Json;
  };
}

interface Parameter {
  readonly name: string;
  readonly parameterType: { readonly type: string };
  readonly parameterValue: { readonly value: string };
}

/** By name; the front knows texts alone. */
export const parametersOf = ({ configuration: { query } }: Job): ReadonlyMap<string, string> =>
  new Map(query?.queryParameters?.map(({ name, parameterValue }) => [name, parameterValue.value]));

/** `project.dataset.table` */
export const tableKey = ({ projectId, datasetId, tableId }: TableReference): string =>
  [projectId, datasetId, tableId].join('.');
