import { type Finding, ok } from '../control/finding.ts';
import { type GoogleAnswer, type GoogleRefusal, object } from './google-answer.ts';
import {
  enableService,
  grantOnDataset,
  grantOnProject,
  type Member,
  memberRemark,
} from './grant.ts';

/** Whose access is looked at, and where to. */
export interface Access {
  readonly project: string;
  readonly location: string;
  readonly member: Member;
}

export const RESOURCE_MANAGER = 'cloudresourcemanager.googleapis.com';

const fatal = (check: string, message: string, cure: Partial<Finding> = {}): Finding => ({
  check,
  severity: 'fatal',
  message,
  ...cure,
});

/** From the answer to listing the datasets, which needs no permission. */
export function projectFinding({ project, member }: Access, answer: GoogleAnswer): Finding {
  const check = 'project';
  switch (answer.kind) {
    case 'given':
      return ok(check, `Project ${project} is there; asked as ${member ?? 'an unnamed account'}.`);
    case 'none':
      return fatal(check, `No answer from BigQuery: ${answer.error}.`);
    case 'refused':
      return fatal(check, ...projectRefusal(project, answer));
  }
}

function projectRefusal(
  project: string,
  refusal: GoogleRefusal,
): readonly [message: string, cure?: Partial<Finding>] {
  const { status, reason } = refusal;
  if (status === 401) return ['BigQuery does not know the credentials: 401.'];
  if (status === 404) return [`There is no project ${project}, by its id.`];
  if (isDisabled(refusal))
    return [
      `The BigQuery API is not enabled in project ${project}.`,
      { fixCommand: enableService('bigquery.googleapis.com', project) },
    ];
  if (isScopeLack(refusal))
    return [
      'The credentials are of another OAuth scope: give the host’s service account the scope cloud-platform.',
    ];
  if (isDenial(refusal))
    return [
      `The account may not use project ${project}, or there is none of this id. ${firstLine(refusal)}`,
    ];
  return [`BigQuery answers ${status} ${reason} for project ${project}. ${firstLine(refusal)}`];
}

const DENIALS: ReadonlySet<string> = new Set([
  'accessDenied',
  'forbidden',
  'IAM_PERMISSION_DENIED',
  'PERMISSION_DENIED',
]);

/** A permission that is lacking. Quotas, billing and the policies of an organisation are answered 403 too. */
export const isDenial = ({ status, reason }: GoogleRefusal): boolean =>
  status === 403 && DENIALS.has(reason);

const isDisabled = ({ reason, message }: GoogleRefusal): boolean =>
  reason === 'SERVICE_DISABLED' ||
  reason === 'accessNotConfigured' ||
  message.includes('has not enabled BigQuery');

const isScopeLack = ({ reason, message }: GoogleRefusal): boolean =>
  reason === 'ACCESS_TOKEN_SCOPE_INSUFFICIENT' || message.includes('authentication scopes');

/** From the answer to the dry run of `SELECT 1` in the sink's location. */
export function jobFinding({ project, location, member }: Access, answer: GoogleAnswer): Finding {
  const check = 'jobs';
  if (answer.kind === 'given')
    return ok(check, `A query can be run in location ${location}; bigquery.jobs.create is there.`);
  if (answer.kind === 'none') return fatal(check, `No answer from BigQuery: ${answer.error}.`);
  if (isDenial(answer))
    return fatal(
      check,
      `The account lacks bigquery.jobs.create in project ${project}, without which nothing is loaded and nothing asked.${memberRemark(member)}`,
      { fixCommand: grantOnProject(project, 'roles/bigquery.jobUser', member) },
    );
  if (/location|region/i.test(answer.message))
    return fatal('location', `BigQuery has no location ${location}: ${firstLine(answer)}`);
  return fatal(
    check,
    `A query of nothing is refused: ${answer.status} ${answer.reason}. ${firstLine(answer)}`,
  );
}

export const MAKES_DATASETS = 'bigquery.datasets.create';

/** What the account has of a set of permissions on the project; `undefined` when nobody could be asked. */
export type Held = ReadonlySet<string> | undefined;

export function heldPermissions(answer: GoogleAnswer): Held {
  if (answer.kind !== 'given') return undefined;
  // Without any of them the list itself is left out.
  const { permissions } = answer.body;
  return new Set(Array.isArray(permissions) ? permissions.map(String) : []);
}

/** Why the project could not be asked for permissions; a sink runs without it. */
export function unaskedFinding({ project }: Access, answer: GoogleAnswer): Finding | undefined {
  if (answer.kind === 'given') return undefined;
  const why = answer.kind === 'none' ? answer.error : `${answer.status} ${answer.reason}`;
  const isOff = answer.kind === 'refused' && isDisabled(answer);
  return {
    check: 'permissions',
    severity: 'warning',
    message: `Permissions on the project could not be listed (${why}); only those are known that could be tried.`,
    ...(isOff ? { fixCommand: enableService(RESOURCE_MANAGER, project) } : {}),
  };
}

/** Whether datasets can be made where some are not there, or may be of databases that are yet to come. */
export function newDatasetsFinding(
  { project, member }: Access,
  missing: readonly string[],
  held: Held,
): Finding | undefined {
  const check = 'datasets';
  const what = missing.length === 0 ? 'of databases yet to come' : missing.join(', ');
  if (held === undefined) return undefined;
  if (held.has(MAKES_DATASETS)) return ok(check, `Datasets can be made: ${what}.`);
  const message = `The account lacks ${MAKES_DATASETS} in project ${project}, and has to make datasets: ${what}. Who makes a dataset owns it; making them beforehand, with roles/bigquery.dataEditor on each, does as well.${memberRemark(member)}`;
  const fixCommand = grantOnProject(project, 'roles/bigquery.user', member);
  return { check, severity: missing.length === 0 ? 'warning' : 'fatal', message, fixCommand };
}

/** What a dataset is for. */
export type DatasetUse = 'tables' | 'views';

const ON_TABLES = [
  'bigquery.tables.get',
  'bigquery.tables.getData',
  'bigquery.tables.update',
  'bigquery.tables.updateData',
];
const ON_VIEWS = ['bigquery.tables.get', 'bigquery.tables.getData', 'bigquery.tables.update'];
export const MAKES_TABLES = 'bigquery.tables.create';
export const MAKES_ROUTINES = 'bigquery.routines.create';
export const LISTS_TABLES = 'bigquery.tables.list';
export const LISTS_ROUTINES = 'bigquery.routines.list';

/** Permissions that one table function can be asked about. */
export const ON_ROUTINES = [
  'bigquery.routines.get',
  'bigquery.routines.update',
  'bigquery.routines.delete',
];

/** Permissions that one table can be asked about. */
export const tablePermissions = (use: DatasetUse): readonly string[] => [
  ...(use === 'tables' ? ON_TABLES : ON_VIEWS),
  'bigquery.tables.delete',
];

/** Every permission that a sink uses in a dataset of its own; all are in roles/bigquery.dataEditor. */
export const datasetPermissions = (use: DatasetUse): readonly string[] => [
  MAKES_TABLES,
  LISTS_TABLES,
  ...tablePermissions(use),
  ...(use === 'views' ? [MAKES_ROUTINES, LISTS_ROUTINES, ...ON_ROUTINES] : []),
];

/** What was found out about a dataset that is there. */
export interface DatasetTrial {
  readonly dataset: string;
  readonly use: DatasetUse;
  /** By permission, what trying it in the dataset came to. */
  readonly tried: ReadonlyMap<string, boolean>;
}

/** A permission tried in the dataset outweighs what the project has: grants and denials may be on either. */
export function datasetFinding(
  { project, member }: Access,
  { dataset, use, tried }: DatasetTrial,
  held: Held,
): Finding {
  const check = `datasets.${dataset}`;
  const needed = datasetPermissions(use);
  const missing = [...tried].filter(([, has]) => !has).map(([permission]) => permission);
  if (missing.length > 0)
    return fatal(
      check,
      `The account lacks ${missing.join(', ')} in dataset ${dataset}.${memberRemark(member)}`,
      { fixSql: grantOnDataset({ project, dataset }, 'roles/bigquery.dataEditor', member) },
    );
  const untried = needed.filter((name) => !tried.has(name) && held?.has(name) !== true);
  const rest =
    untried.length === 0 ? '' : ` Not to be told before something is in it: ${untried.join(', ')}.`;
  return ok(check, `The account may work in dataset ${dataset}.${rest}`);
}

/** What a dataset of views has that is not the sink's own. */
export interface ForeignRelations {
  readonly dataset: string;
  readonly names: readonly string[];
  /** How many were not looked at. */
  readonly unseen: number;
}

const NAMES_TOLD = 10;

/** A table that is to be shown by what is there already stops as soon as it appears. */
export function foreignFinding({ dataset, names, unseen }: ForeignRelations): Finding | undefined {
  if (names.length === 0) return undefined;
  const more = names.length - NAMES_TOLD;
  const list = names.slice(0, NAMES_TOLD).join(', ') + (more > 0 ? ` and ${more} more` : '');
  const rest = unseen > 0 ? ` Another ${unseen} were not looked at.` : '';
  return {
    check: `datasets.${dataset}.names`,
    severity: 'warning',
    message: `Dataset ${dataset} holds what this sink has not made, and never replaces: ${list}. A captured table that would be shown under one of these names stops with bigquery.table-refused. Rename or drop them, or have the views elsewhere by dataset: or table:.${rest}`,
  };
}

/**
 * What can be said of a dataset by the answer to a look at it, before anything is tried in it.
 * `undefined` when nothing is against it.
 */
export function lookFinding(
  { project, location, member }: Access,
  dataset: string,
  answer: GoogleAnswer,
): Finding | undefined {
  const check = `datasets.${dataset}`;
  if (answer.kind === 'none') return fatal(check, `No answer from BigQuery: ${answer.error}.`);
  if (answer.kind === 'refused') {
    if (!isDenial(answer))
      return fatal(check, `BigQuery answers ${answer.status} ${answer.reason} for ${dataset}.`);
    return fatal(
      check,
      `Dataset ${dataset} is not there, or the account may not look at it: the statement cures the second, the command both.${memberRemark(member)}`,
      {
        fixSql: grantOnDataset({ project, dataset }, 'roles/bigquery.dataEditor', member),
        fixCommand: grantOnProject(project, 'roles/bigquery.user', member),
      },
    );
  }
  const found = answer.body['location'];
  if (typeof found === 'string' && found.toUpperCase() !== location.toUpperCase())
    return fatal(
      check,
      `Dataset ${dataset} is in location ${found} and the sink in ${location}. The location of a dataset cannot be changed: set location: ${found}, or name another dataset.`,
    );
  return undefined;
}

/** The key that tables of a dataset are encrypted with where they name none. */
export const defaultKeyOf = (answer: GoogleAnswer): string | undefined => {
  if (answer.kind !== 'given') return undefined;
  const name = object(answer.body['defaultEncryptionConfiguration'])['kmsKeyName'];
  return typeof name === 'string' ? name : undefined;
};

/** The permission that a refusal names: `Permission bigquery.tables.create denied on dataset …`. */
export function namedPermission({ message }: GoogleRefusal): string | undefined {
  return /\bbigquery\.[a-z]+\.[A-Za-z]+\b/.exec(message)?.[0];
}

function firstLine({ message }: GoogleRefusal): string {
  return (message.split('\n', 1)[0] ?? '').slice(0, 300);
}
