import type { Answer, Json, Refusal } from './answer.ts';
import { BytesStaging, hasBytes } from './bytes-staging.ts';
import type { Emulator } from './emulator.ts';
import type { Job, LoadConfiguration, TableReference } from './job.ts';
import type { JobEnd } from './job-register.ts';
import { countLines, refusedLines } from './load-lines.ts';
import type { TableSchemas } from './table-schemas.ts';
import { UPLOAD_TYPE, uploadBody } from './upload-parts.ts';

/** The emulator answers what BigQuery would take and let fail as it answers what it does not take. */
export function endOf({ body }: Answer): JobEnd {
  const error = body['error'] as Json | undefined;
  const [first] = (error?.['errors'] as readonly Json[] | undefined) ?? [];
  const status = body['status'] as { readonly errorResult?: Json } | undefined;
  const failure = error ? (first ?? error) : status?.errorResult;
  if (failure === undefined) return { kind: 'done', resource: body };
  return { kind: 'failed', refusal: failure as unknown as Refusal };
}

/** Carries out a load: all of its rows or none. */
export async function runLoad(
  emulator: Emulator,
  schemas: TableSchemas,
  path: string,
  job: Job & { readonly configuration: { readonly load: LoadConfiguration } },
  lines: Buffer,
): Promise<JobEnd> {
  const { destinationTable: target } = job.configuration.load;
  const visible = await schemas.visible(target);
  if (!visible) return { kind: 'failed', refusal: notFound(target) };
  const refused = refusedLines(lines, visible);
  if (refused) return { kind: 'failed', refusal: refused };
  const into = (table: TableReference): Promise<Answer> => {
    const load = { ...job.configuration.load, destinationTable: table };
    const configuration = { ...job.configuration, load };
    const body = uploadBody(JSON.stringify({ configuration }), lines);
    return emulator.send({ method: 'POST', path, body, type: UPLOAD_TYPE });
  };
  const fields = (await schemas.stored(target)) ?? visible;
  const end = hasBytes(fields)
    ? await throughStaging(new BytesStaging(emulator, target, fields), into)
    : endOf(await into(target));
  // The emulator counts the rows of the table.
  const statistics = { load: { outputRows: String(countLines(lines)) } };
  return end.kind === 'failed' ? end : { ...end, resource: { ...end.resource, statistics } };
}

async function throughStaging(
  staging: BytesStaging,
  into: (table: TableReference) => Promise<Answer>,
): Promise<JobEnd> {
  await staging.make();
  try {
    const end = endOf(await into(staging.reference));
    if (end.kind === 'done') await staging.decode();
    return end.kind === 'done' ? { kind: 'done', resource: {} } : end;
  } finally {
    await staging.drop();
  }
}

const notFound = ({ projectId, datasetId, tableId }: TableReference): Refusal => ({
  reason: 'notFound',
  message: `Not found: Table ${projectId}:${datasetId}.${tableId} was not found in location US`,
});
