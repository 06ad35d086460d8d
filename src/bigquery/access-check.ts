import { inLanes } from '../async/lanes.ts';
import type { Finding } from '../control/finding.ts';
import {
  type Access,
  type DatasetTrial,
  type DatasetUse,
  datasetFinding,
  datasetPermissions,
  defaultKeyOf,
  type ForeignRelations,
  foreignFinding,
  heldPermissions,
  isDenial,
  jobFinding,
  LISTS_ROUTINES,
  LISTS_TABLES,
  lookFinding,
  MAKES_DATASETS,
  MAKES_ROUTINES,
  MAKES_TABLES,
  namedPermission,
  newDatasetsFinding,
  ON_ROUTINES,
  projectFinding,
  tablePermissions,
  unaskedFinding,
} from './access-finding.ts';
import { identifier } from './bigquery-dialect.ts';
import { readsOwnTables } from './foreign-relations.ts';
import { askGoogle, type GoogleAnswer, type GoogleRequest, object } from './google-answer.ts';
import { memberOf } from './grant.ts';
import { keyFindings } from './key-finding.ts';

/** What a sink is going to use. */
export interface AccessWish extends Access {
  readonly datasets: readonly { readonly name: string; readonly use: DatasetUse }[];
  /** Whether more are needed when databases are captured that nobody can name now. */
  readonly mayNeedMore: boolean;
  readonly kmsKey?: string;
}

export interface AccessServers {
  /** Without a path. */
  readonly bigQuery: string;
  /** Knows permissions of projects; an emulator has none, and then nothing but BigQuery itself is tried. */
  readonly resourceManager?: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A name that no table of a source has: it would be escaped. */
const TRIAL = '_sluice_check';

/** A look is a request each; a dataset may have a hundred thousand views. */
const MAX_LOOKS = 200;
const LOOKS_AT_ONCE = 8;

/** Tries what a sink will do by dry runs and questions; leaves nothing behind and costs nothing. */
export async function checkAccess(
  wish: AccessWish,
  servers: AccessServers,
): Promise<readonly Finding[]> {
  return new AccessCheck(wish, servers).findings();
}

class AccessCheck {
  readonly #wish: AccessWish;
  readonly #servers: AccessServers;

  constructor(wish: AccessWish, servers: AccessServers) {
    this.#wish = wish;
    this.#servers = servers;
  }

  /** What is behind a finding that is fatal for all cannot be tried. */
  async findings(): Promise<readonly Finding[]> {
    const project = projectFinding(this.#wish, await this.#ask('datasets?maxResults=1'));
    if (project.severity === 'fatal') return [project];
    const jobs = jobFinding(this.#wish, await this.#dryRun('SELECT 1 AS one'));
    const { resourceManager } = this.#servers;
    if (jobs.severity === 'fatal' || resourceManager === undefined) return [project, jobs];
    return [project, jobs, ...(await this.#permissions(resourceManager))];
  }

  async #permissions(resourceManager: string): Promise<readonly Finding[]> {
    const { datasets, mayNeedMore } = this.#wish;
    const answer = await this.#projectPermissions(resourceManager);
    const held = heldPermissions(answer);
    const looks = await Promise.all(
      datasets.map(async (dataset) => ({
        ...dataset,
        look: await this.#ask(`datasets/${dataset.name}`),
      })),
    );
    const missing = looks.filter(({ look }) => isMissing(look)).map(({ name }) => name);
    const present = looks.filter(({ look }) => !isMissing(look));
    const makes =
      missing.length > 0 || mayNeedMore ? newDatasetsFinding(this.#wish, missing, held) : undefined;
    const each = await Promise.all(
      present.map(
        async ({ name, use, look }) =>
          lookFinding(this.#wish, name, look) ??
          datasetFinding(this.#wish, await this.#tryDataset(name, use), held),
      ),
    );
    const keys = await this.#key(
      // Views keep no rows.
      present
        .filter(({ use }) => use === 'tables')
        .map(({ name, look }) => ({ name, key: defaultKeyOf(look) })),
    );
    const foreign = await Promise.all(
      present
        .filter(({ use, look }) => use === 'views' && look.kind === 'given')
        .map(async ({ name }) => foreignFinding(await this.#foreign(name))),
    );
    return [unaskedFinding(this.#wish, answer), makes, ...each, ...foreign, ...keys].filter(
      (finding) => finding !== undefined,
    );
  }

  #projectPermissions(resourceManager: string): Promise<GoogleAnswer> {
    const { project, datasets } = this.#wish;
    const permissions = [
      ...new Set([MAKES_DATASETS, ...datasets.flatMap(({ use }) => datasetPermissions(use))]),
    ];
    return this.#send({
      url: `${resourceManager}/v1/projects/${project}:testIamPermissions`,
      body: { permissions },
    });
  }

  async #tryDataset(dataset: string, use: DatasetUse): Promise<DatasetTrial> {
    const tried = new Map<string, boolean>();
    const name = [this.#wish.project, dataset, TRIAL].map(identifier).join('.');
    await this.#tryStatement(tried, MAKES_TABLES, `CREATE TABLE ${name} AS SELECT 1 AS one`);
    const list = await this.#ask(`datasets/${dataset}/tables?maxResults=50`);
    if (list.kind === 'given') tried.set(LISTS_TABLES, true);
    else if (list.kind === 'refused' && isDenial(list)) tried.set(LISTS_TABLES, false);
    const table = firstTable(list, use);
    if (table !== undefined)
      await this.#askAbout(tried, `datasets/${dataset}/tables/${table}`, tablePermissions(use));
    if (use === 'views') await this.#tryRoutines(tried, dataset, name);
    return { dataset, use, tried };
  }

  async #tryRoutines(tried: Map<string, boolean>, dataset: string, name: string): Promise<void> {
    const sql = `CREATE TABLE FUNCTION ${name}(n INT64) AS (SELECT n AS one)`;
    await this.#tryStatement(tried, MAKES_ROUTINES, sql);
    const list = await this.#ask(`datasets/${dataset}/routines?maxResults=1`);
    if (list.kind === 'given') tried.set(LISTS_ROUTINES, true);
    else if (list.kind === 'refused' && isDenial(list)) tried.set(LISTS_ROUTINES, false);
    const id = object(first(list, 'routines')['routineReference'])['routineId'];
    if (typeof id === 'string')
      await this.#askAbout(tried, `datasets/${dataset}/routines/${id}`, ON_ROUTINES);
  }

  /** What a dataset of views has that does not read this sink's tables, of a number that can be looked at. */
  async #foreign(dataset: string): Promise<ForeignRelations> {
    const present = [
      ...(await this.#named(dataset, 'tables', 'tableReference', 'tableId')),
      ...(await this.#named(dataset, 'routines', 'routineReference', 'routineId')),
    ];
    const names: string[] = [];
    await inLanes(LOOKS_AT_ONCE, present.slice(0, MAX_LOOKS), async ({ name, resource }) => {
      const answer = await this.#ask(encodeURI(resource));
      if (answer.kind !== 'given') return;
      const { view, definitionBody } = answer.body;
      const definition = object(view)['query'] ?? definitionBody;
      if (!this.#isOwn(typeof definition === 'string' ? definition : undefined)) names.push(name);
    });
    return { dataset, names: names.sort(), unseen: Math.max(0, present.length - MAX_LOOKS) };
  }

  #isOwn(definition: string | undefined): boolean {
    const { project, datasets } = this.#wish;
    return datasets.some(
      ({ name, use }) =>
        use === 'tables' && readsOwnTables({ project, internal: name }, definition),
    );
  }

  async #named(
    dataset: string,
    what: 'tables' | 'routines',
    reference: string,
    id: string,
  ): Promise<readonly { readonly name: string; readonly resource: string }[]> {
    const list = await this.#ask(`datasets/${dataset}/${what}?maxResults=1000`);
    return itemsOf(list, what).flatMap((item) => {
      const name = object(item[reference])[id];
      return typeof name === 'string'
        ? [{ name, resource: `datasets/${dataset}/${what}/${name}` }]
        : [];
    });
  }

  /** A refusal that names another permission than the one tried for is about that other one. */
  async #tryStatement(tried: Map<string, boolean>, permission: string, sql: string): Promise<void> {
    const answer = await this.#dryRun(sql);
    if (answer.kind === 'given') tried.set(permission, true);
    else if (answer.kind === 'refused' && isDenial(answer))
      tried.set(namedPermission(answer) ?? permission, false);
  }

  /** Which of some permissions there are on one table or function. */
  async #askAbout(
    tried: Map<string, boolean>,
    resource: string,
    permissions: readonly string[],
  ): Promise<void> {
    const path = `${encodeURI(resource)}:testIamPermissions`;
    const held = heldPermissions(await this.#ask(path, { permissions }));
    for (const permission of held ? permissions : [])
      tried.set(permission, held?.has(permission) === true);
  }

  async #key(
    datasets: readonly { readonly name: string; readonly key: string | undefined }[],
  ): Promise<readonly Finding[]> {
    const { project, location, kmsKey } = this.#wish;
    if (kmsKey === undefined) return [];
    const answer = await this.#ask('serviceAccount');
    const email = answer.kind === 'given' ? answer.body['email'] : undefined;
    const encrypter = memberOf(typeof email === 'string' ? email : undefined);
    return keyFindings({ project, location, kmsKey, encrypter, datasets });
  }

  /** Plans the statement and looks at permissions, as BigQuery does before it runs one; nothing is made. */
  #dryRun(sql: string): Promise<GoogleAnswer> {
    const configuration = { dryRun: true, query: { query: sql, useLegacySql: false } };
    const { project: projectId, location } = this.#wish;
    return this.#ask('jobs', { jobReference: { projectId, location }, configuration });
  }

  #ask(path: string, body?: unknown): Promise<GoogleAnswer> {
    const url = `${this.#servers.bigQuery}/bigquery/v2/projects/${this.#wish.project}/${path}`;
    return this.#send({ url, ...(body === undefined ? {} : { body }) });
  }

  #send(request: Omit<GoogleRequest, 'headers'>): Promise<GoogleAnswer> {
    return askGoogle({ ...request, headers: this.#servers.headers });
  }
}

const isMissing = (answer: GoogleAnswer): boolean =>
  answer.kind === 'refused' && answer.status === 404;

/** Views of the bookkeeping cannot be written to, whoever asks. */
function firstTable(list: GoogleAnswer, use: DatasetUse): string | undefined {
  const table = first(list, 'tables', ({ type }) => use === 'views' || type === 'TABLE');
  const id = object(table['tableReference'])['tableId'];
  return typeof id === 'string' ? id : undefined;
}

type Item = Readonly<Record<string, unknown>>;

/** The first fitting item of a list; one without anything in it when there is none. */
function first(list: GoogleAnswer, name: string, fits: (item: Item) => boolean = () => true): Item {
  return itemsOf(list, name).find(fits) ?? {};
}

function itemsOf(list: GoogleAnswer, name: string): readonly Item[] {
  const items = list.kind === 'given' ? list.body[name] : undefined;
  return Array.isArray(items) ? items.map(object) : [];
}
